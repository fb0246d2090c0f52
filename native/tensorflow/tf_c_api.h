/* The part of TensorFlow's C API that seqfront's graph ops use, declared by ourselves.
 *
 * These functions live in libtensorflow_framework.so.2, which every Linux TensorFlow 2.x loads
 * under that name. Declaring the few we need (and linking against the empty stand-in that
 * tf_stub.cpp makes) lets one binary serve every TensorFlow 2.x, and be built where there is none.
 * All types but the enums are opaque. tests/backends/test_tensorflow_native_library.py checks each
 * name against the TensorFlow that is installed.
 */
#ifndef SEQFRONT_TENSORFLOW_TF_C_API_H_
#define SEQFRONT_TENSORFLOW_TF_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum TF_Code {
    TF_OK = 0,
    TF_INVALID_ARGUMENT = 3,
    TF_RESOURCE_EXHAUSTED = 8,
    TF_INTERNAL = 13
} TF_Code;

typedef enum TF_DataType {
    TF_FLOAT = 1,
    TF_DOUBLE = 2,
    TF_INT32 = 3,
    TF_BFLOAT16 = 14,
    TF_HALF = 19
} TF_DataType;

typedef unsigned char TF_Bool;

typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;
typedef struct TF_ShapeHandle TF_ShapeHandle;
typedef struct TF_DimensionHandle TF_DimensionHandle;
typedef struct TF_KernelBuilder TF_KernelBuilder;
typedef struct TF_OpKernelConstruction TF_OpKernelConstruction;
typedef struct TF_OpKernelContext TF_OpKernelContext;

/* Status. */
TF_Status* TF_NewStatus(void);
void TF_DeleteStatus(TF_Status* status);
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message);
TF_Code TF_GetCode(const TF_Status* status);
const char* TF_Message(const TF_Status* status);

/* Tensors: row-major and contiguous; the data pointer may be null when there are no elements. */
void TF_DeleteTensor(TF_Tensor* tensor);
int TF_NumDims(const TF_Tensor* tensor);
int64_t TF_Dim(const TF_Tensor* tensor, int axis);
void* TF_TensorData(const TF_Tensor* tensor);

/* Definition of ops. Registering frees the builder, whether or not it succeeds. */
TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* op_name);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder* builder, const char* spec);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder* builder, const char* spec);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder* builder, const char* spec);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder* builder,
                                                     void (*infer)(TF_ShapeInferenceContext*,
                                                                   TF_Status*));
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder* builder, TF_Status* status);

/* Shape inference. Handles are ours to delete; a handle never outlives the context's call. */
TF_ShapeHandle* TF_NewShapeHandle(void);
void TF_DeleteShapeHandle(TF_ShapeHandle* shape);
TF_DimensionHandle* TF_NewDimensionHandle(void);
void TF_DeleteDimensionHandle(TF_DimensionHandle* dimension);
int TF_DimensionHandleValueKnown(TF_DimensionHandle* dimension);
int64_t TF_DimensionHandleValue(TF_DimensionHandle* dimension);
void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext* context, int index,
                                      TF_ShapeHandle* shape, TF_Status* status);
void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext* context, int index,
                                       TF_ShapeHandle* shape, TF_Status* status);
TF_ShapeHandle* TF_ShapeInferenceContextVectorFromSize(TF_ShapeInferenceContext* context,
                                                       size_t size);
TF_ShapeHandle* TF_ShapeInferenceContextScalar(TF_ShapeInferenceContext* context);
int64_t TF_ShapeInferenceContextRank(TF_ShapeInferenceContext* context, TF_ShapeHandle* shape);
int TF_ShapeInferenceContextRankKnown(TF_ShapeInferenceContext* context, TF_ShapeHandle* shape);
void TF_ShapeInferenceContextDim(TF_ShapeInferenceContext* context, TF_ShapeHandle* shape,
                                 int64_t axis, TF_DimensionHandle* result);
void TF_ShapeInferenceContextSubshape(TF_ShapeInferenceContext* context, TF_ShapeHandle* shape,
                                      int64_t begin, int64_t end, TF_ShapeHandle* result,
                                      TF_Status* status);
void TF_ShapeInferenceContextConcatenateShapes(TF_ShapeInferenceContext* context,
                                               TF_ShapeHandle* first, TF_ShapeHandle* second,
                                               TF_ShapeHandle* result, TF_Status* status);

/* Kernels. Registering takes the builder over. */
TF_KernelBuilder* TF_NewKernelBuilder(const char* op_name, const char* device_name,
                                      void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void*, TF_OpKernelContext*),
                                      void (*destroy)(void*));
void TF_KernelBuilder_TypeConstraint(TF_KernelBuilder* builder, const char* attr, TF_DataType type,
                                     TF_Status* status);
void TF_RegisterKernelBuilder(const char* kernel_name, TF_KernelBuilder* builder,
                              TF_Status* status);

/* Construction of a kernel: once per node, or per set of attributes in eager mode. */
void TF_OpKernelConstruction_GetAttrType(TF_OpKernelConstruction* context, const char* attr,
                                         TF_DataType* value, TF_Status* status);
void TF_OpKernelConstruction_GetAttrInt32(TF_OpKernelConstruction* context, const char* attr,
                                          int32_t* value, TF_Status* status);
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction* context, const char* attr,
                                          int64_t* value, TF_Status* status);
void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction* context, const char* attr,
                                         TF_Bool* value, TF_Status* status);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction* context, const char* attr,
                                          float* value, TF_Status* status);
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction* context, TF_Status* status);

/* One run of a kernel. Tensors got or allocated here are references, ours to delete. */
void TF_GetInput(TF_OpKernelContext* context, int index, TF_Tensor** tensor, TF_Status* status);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index, TF_DataType type,
                             const int64_t* dims, int rank, size_t bytes, TF_Status* status);
TF_Tensor* TF_ForwardInputOrAllocateOutput(TF_OpKernelContext* context, const int* candidates,
                                           int candidate_count, int output, const int64_t* dims,
                                           int rank, int* forwarded, TF_Status* status);
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status);

#ifdef __cplusplus
}
#endif

#endif /* SEQFRONT_TENSORFLOW_TF_C_API_H_ */
