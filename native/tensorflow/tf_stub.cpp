// An empty stand-in for libtensorflow_framework.so.2, to link against where no TensorFlow is.
//
// It is built with that SONAME, is never installed and never runs: the ops library only takes from
// it the NEEDED entry and the assurance that each symbol has a home. Signatures are of no account
// to the linker, so tf_c_api.h is left out on purpose. A name missing here fails the link of the
// ops library, which forbids undefined symbols.

#define EMPTY(name) \
    extern "C" void name() {}

EMPTY(TF_NewStatus)
EMPTY(TF_DeleteStatus)
EMPTY(TF_SetStatus)
EMPTY(TF_GetCode)
EMPTY(TF_Message)

EMPTY(TF_DeleteTensor)
EMPTY(TF_NumDims)
EMPTY(TF_Dim)
EMPTY(TF_TensorData)

EMPTY(TF_NewOpDefinitionBuilder)
EMPTY(TF_OpDefinitionBuilderAddAttr)
EMPTY(TF_OpDefinitionBuilderAddInput)
EMPTY(TF_OpDefinitionBuilderAddOutput)
EMPTY(TF_OpDefinitionBuilderSetShapeInferenceFunction)
EMPTY(TF_RegisterOpDefinition)

EMPTY(TF_NewShapeHandle)
EMPTY(TF_DeleteShapeHandle)
EMPTY(TF_NewDimensionHandle)
EMPTY(TF_DeleteDimensionHandle)
EMPTY(TF_DimensionHandleValueKnown)
EMPTY(TF_DimensionHandleValue)
EMPTY(TF_ShapeInferenceContextGetInput)
EMPTY(TF_ShapeInferenceContextSetOutput)
EMPTY(TF_ShapeInferenceContextVectorFromSize)
EMPTY(TF_ShapeInferenceContextRank)
EMPTY(TF_ShapeInferenceContextRankKnown)
EMPTY(TF_ShapeInferenceContextScalar)
EMPTY(TF_ShapeInferenceContextDim)
EMPTY(TF_ShapeInferenceContextSubshape)
EMPTY(TF_ShapeInferenceContextConcatenateShapes)

EMPTY(TF_NewKernelBuilder)
EMPTY(TF_KernelBuilder_TypeConstraint)
EMPTY(TF_RegisterKernelBuilder)
EMPTY(TF_OpKernelConstruction_GetAttrType)
EMPTY(TF_OpKernelConstruction_GetAttrInt32)
EMPTY(TF_OpKernelConstruction_GetAttrInt64)
EMPTY(TF_OpKernelConstruction_GetAttrBool)
EMPTY(TF_OpKernelConstruction_GetAttrFloat)
EMPTY(TF_OpKernelConstruction_Failure)
EMPTY(TF_GetInput)
EMPTY(TF_AllocateOutput)
EMPTY(TF_ForwardInputOrAllocateOutput)
EMPTY(TF_OpKernelContext_Failure)
