// Shapes of declarations: "batch frames labels+1 3" against the sizes that come.
#ifndef SEQFRONT_OP_SHAPES_HPP_
#define SEQFRONT_OP_SHAPES_HPP_

#include "seqfront/seqfront.h"

namespace seqfront {

constexpr int64_t kUnknownSize = -1;

// Parses the shapes of an op; call it once for each, before the others.
void remember(const sf_op_spec& op);

// As sf_gradient_source.
int32_t gradient_source(const sf_op_spec& op, int32_t output);

// Throws InvalidArgument if the inputs do not fit.
void infer(const sf_op_spec& op, const sf_shape* inputs, sf_shape* outputs);

}  // namespace seqfront

#endif  // SEQFRONT_OP_SHAPES_HPP_
