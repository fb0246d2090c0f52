// What each instruction set implements: a table of kernels, and the plain structs they take.
//
// This header is included by code compiled for different instruction sets. It must stay free of
// inline functions (see simd.hpp).
#ifndef SEQFRONT_CPU_KERNELS_HPP_
#define SEQFRONT_CPU_KERNELS_HPP_

#include <stdint.h>

namespace seqfront {

// How the half-precision types lie in memory.
struct BFloat16 {
    uint16_t bits;
};
struct Float16 {
    uint16_t bits;
};

// A probability, mantissa * 2^exponent; the exponent is -inf for zero. `valid` is 0 if any log-prob
// was NaN or +inf, and then the rest means nothing.
template <class L>
struct Likelihood {
    L mantissa;
    L exponent;
    int32_t valid;
};

// Some columns of a matrix times a few rows: y [rows, columns] += x^T panel. Of the features of x
// only some are there, those that are not zero in all rows: x is [features, rows], all rows of one
// after another, and `places` says which row of the panel each belongs to, ascending, with
// kPanelAhead more of what will be read next. They come in parts, which are added up by themselves.
// A panel has kPanelColumns columns, or fewer if it is the last of its matrix.
template <class L>
struct PanelProduct {
    int64_t rows, columns;  // at most kPanelRows, kPanelColumns
    int64_t parts;
    const int32_t* starts;  // [parts + 1]: among the places
    const int32_t* places;
    const L* x;
    const void* panel;  // of one dtype
    L* y;               // its rows are y_row apart
    int64_t y_row;
};

// Kernels over rows of logits of one dtype; L is the type the maths is done in.
template <class L>
struct RowKernels {
    // For each of `rows` rows (`stride` elements apart): its maximum and the log of
    // sum(exp(x - maximum)). A row that is all -inf gives 0 and -inf.
    void (*normalisers)(const void* logits, int64_t stride, int64_t rows, int64_t classes,
                        L* maximum, L* log_sum);
    // grad = scale * exp(x - log_normaliser); grad may be logits.
    void (*softmax_gradient)(const void* logits, void* grad, int64_t classes, L log_normaliser,
                             L scale);
    // grad = upstream * min(scale * exp(x - log_normaliser), limit); scale and limit above 0.
    void (*clamped_gradient)(const void* logits, void* grad, int64_t classes, L log_normaliser,
                             L scale, L limit, L upstream);
    // The maximum of each row; 0 for a row that is all -inf.
    void (*maxima)(const void* logits, int64_t stride, int64_t rows, int64_t classes, L* maximum);
    // out [rows, classes] = exp(x - maximum of its row), which is at most 1.
    void (*exponentials)(const void* logits, int64_t stride, int64_t rows, int64_t classes,
                         const L* maximum, L* out);
    // Numbers, rounded to the dtype.
    void (*store)(const L* x, void* to, int64_t count);
    // The first element from `begin` on that is above `threshold`; `classes` if there is none.
    int64_t (*next_above)(const void* logits, int64_t begin, int64_t classes, L threshold);
    void (*multiply_panel)(const PanelProduct<L>&);
};

// One sequence of RNN-T. Cells (t, u) of the log-probs lie along anti-diagonals, row
// (t + u) % frames, column u: a diagonal is contiguous, and the table no larger than the lattice.
template <class L>
struct RnntLattice {
    int64_t frames;     // >= 1
    int64_t positions;  // labels + 1
    const L* blank;     // log p(blank), [frames, positions]
    const L* label;     // log p(next label); -inf in the last column
    L* scratch;         // rnnt_scratch(frames, positions) elements
};

// What the rows of the gradient need; the same layout as the log-probs.
template <class L>
struct RnntGradient {
    L* scale;  // factor of the softmax
    L* blank;  // gradient of the blank, complete
    L* label;  // gradient of the next label, complete
    L upstream;
    int32_t normalized;
};

// An arc of a transducer lattice: its log-weight in each cell, and later its posterior there.
template <class L>
struct ArcTable {
    int64_t frames, labels;  // where it leads: from (t, u) to (t + frames, u + labels)
    L* weight;               // kLatticePad elements before and after are not NaN
};

// One sequence of any transducer. Diagonal n = t + u has the cells first[n] .. last[n] (values of
// u), of which u is element row[n] + u of each table; (0, 0) is the start, and diagonal
// frames + labels has only the end, (frames, labels).
template <class L>
struct ArcLattice {
    int64_t frames;  // >= 1
    int64_t labels;
    const int64_t *first, *last, *row;  // [frames + labels + 1]
    int64_t cells;                      // size of the tables
    int64_t history;                    // diagonals in a row that arcs span, both ends included
    int64_t star;                       // see Star in transducer.hpp
    L star_weight;
    const ArcTable<L>* arcs;
    int64_t arc_count;
    L* scratch;  // arcs_scratch(labels, cells, history) elements
};

// Some frames of one sequence of CTC. Row t of scores is [blank, label_0 .. label_{labels-1}]: what
// each adds to the log-probability of an alignment that passes through it.
//
// The states at one frame are ctc_states(labels) elements, in an order of the kernel's own.
template <class L>
struct CtcLattice {
    int64_t frames;  // >= 1
    int64_t labels;
    const L* scores;  // [frames, labels + 1]
    const L* skip;    // log-weight (0 or -inf) of label k-1 -> label k; ctc_padded(labels)
    int32_t label_loop;
};

// Rows of the gradient, in the layout of the scores: occupancy * exp(score) - upstream * posterior.
// Where a label occurs again, its first occurrence has the posterior of all.
template <class L>
struct CtcGradient {
    L* rows;                 // [frames, labels + 1]
    const int32_t* repeats;  // pairs (k, first k' < k with the same label), ascending in k
    int64_t repeat_count;
    L upstream;
    L occupancy;
    L exponent;  // of the likelihood
    L* scratch;  // 2 * ctc_padded(labels)
};

// An operand of a product: element (i, j) is data[i * row + j * column].
template <class L>
struct Matrix {
    const L* data;
    int64_t row, column;
};

// c [m, n] = a [m, k] b [k, n], or that added to c. The rows of c are contiguous, c_row apart, and
// not in a or b.
template <class L>
struct Gemm {
    int64_t m, n, k;
    Matrix<L> a, b;
    L* c;
    int64_t c_row;
    int32_t accumulate;
    L* scratch;  // gemm_scratch() elements, aligned to 64 bytes
};

// c [m, n] += a [m, k] b [k, n], for few rows m; what is in a row is contiguous.
template <class L>
struct FewRows {
    int64_t m, n, k;
    const L* a;
    int64_t a_row;
    const L* b;
    int64_t b_row;
    L* c;
    int64_t c_row;
};

// Of an additive joint network.
enum Activation : int32_t { kNone = 0, kTanh = 1, kRelu = 2 };

// One frame of the best alignment of CTC. Its states are ctc_best_states(labels) scores: of the
// blanks, then -inf, then of the labels.
template <class L>
struct CtcBestFrame {
    int64_t labels;
    const L* scores;     // [labels + 1], as a row of CtcLattice
    const double* skip;  // 0 or -inf for label k-1 -> label k, [labels]
    double loop;         // 0 or -inf: whether labels may stay
};

template <class L>
struct LatticeKernels {
    Likelihood<L> (*rnnt_likelihood)(const RnntLattice<L>&);
    // Writes the gradient only if the likelihood it returns is valid and not zero.
    Likelihood<L> (*rnnt_gradient)(const RnntLattice<L>&, const RnntGradient<L>&);
    Likelihood<L> (*arcs_likelihood)(const ArcLattice<L>&);
    // Puts the posteriors in place of the weights, unless the likelihood is zero.
    Likelihood<L> (*arcs_posteriors)(const ArcLattice<L>&);
    // States after frame t go to the slot t % slots of `to`.
    void (*ctc_advance)(const CtcLattice<L>&, const L* from, L* to, int64_t slots);
    Likelihood<L> (*ctc_likelihood)(int64_t labels, const L* last);
    // From the states after each frame, and the way to the end from the last of them (`beta`, which
    // becomes that from before the first), the rows of the gradient.
    void (*ctc_retreat)(const CtcLattice<L>&, const CtcGradient<L>&, const L* states, L* beta);
    void (*exp)(const L* x, L* y, int64_t count);  // for x <= 88
    void (*log)(const L* x, L* y, int64_t count);
    void (*gemm)(const Gemm<L>&);
    void (*few_rows)(const FewRows<L>&);
    // to = activation(a + b).
    void (*joint)(const L* a, const L* b, int64_t count, Activation activation, L* to);
    // Adds grad * (slope where the activation has this value) to to_a and to_b.
    void (*joint_gradient)(const L* value, const L* grad, int64_t count, Activation activation,
                           L* to_a, L* to_b);
    void (*add)(const L* x, int64_t count, L* to);  // to += x
    void (*ctc_best_advance)(const CtcBestFrame<L>&, const double* from, double* to);
    // to = (x - mean) / sqrt(variance + epsilon) * scale + bias; to may be x.
    void (*normalise)(const L* x, int64_t count, const L* scale, const L* bias, L epsilon, L* to);
    // From gates [4, units], those of input, forgetting, cell and output before their activations:
    // cell = sigmoid(forgetting) before + sigmoid(input) tanh(cell).
    void (*lstm_cell)(const L* gates, const L* before, int64_t units, L* cell);
    // hidden = sigmoid(output) tanh(cell).
    void (*lstm_hidden)(const L* gates, const L* cell, int64_t units, L* hidden);
};

// A band of strips of 64 rows of the matrix of edit distances.
struct EditBand {
    const uint64_t* matches;  // [tokens, strips]: the rows that have the token; none have token 0
    const int32_t* text;      // the tokens of the columns; `strips` more before and after are 0
    int64_t columns;
    uint8_t* border;  // of each column, above the band, then below it: 1 it rises, 2 it falls
};

struct Kernels {
    const char* name;
    RowKernels<float> float32;
    RowKernels<double> float64;
    RowKernels<float> bfloat16;
    RowKernels<float> float16;
    LatticeKernels<float> single_lattice;
    LatticeKernels<double> double_lattice;
    int64_t edit_strips;                    // of the next
    int64_t (*edit_band)(const EditBand&);  // returns by how much the lower border rises in all
};

constexpr int64_t kLatticePad = 16;  // elements of the widest vector

// Sizes of the packed blocks of a product: a [rows, depth], its rows kGemmStride apart (a step that
// meets other cache sets each time), and b [depth, columns].
constexpr int64_t kGemmRows = 120, kGemmDepth = 256, kGemmColumns = 1024;
constexpr int64_t kGemmStride = kGemmDepth + kLatticePad;

// Columns of a panel, which is what the caller lays a matrix out in, and the most rows of a
// product.
constexpr int64_t kPanelColumns = 32, kPanelRows = 12;

// Elements of scratch memory the lattice kernels want.
int64_t rnnt_scratch(int64_t frames, int64_t positions);
int64_t arcs_scratch(int64_t labels, int64_t cells, int64_t history);
int64_t ctc_padded(int64_t labels);  // labels + 1, rounded up to whole vectors
int64_t ctc_states(int64_t labels);
int64_t ctc_best_states(int64_t labels);
int64_t gemm_scratch();

// Tables of the instruction sets in this build.
const Kernels& kernels_baseline();
const Kernels& kernels_avx2();
const Kernels& kernels_avx512();

}  // namespace seqfront

#endif  // SEQFRONT_CPU_KERNELS_HPP_
