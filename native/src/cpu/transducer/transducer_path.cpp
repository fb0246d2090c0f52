// The inputs and attributes of alignment ops over transducers.
#include "transducer/transducer_path.hpp"

namespace seqfront {
TransducerProblem rnnt_path_problem(const Call& call) {
    return TransducerProblem(call, Storage::kDense, {0, 1, -1, 4, 5, -1, -1});
}

TransducerProblem tdt_path_problem(const Call& call) {
    return TransducerProblem(call, Storage::kDense, {0, 2, -1, -1, -1, 1, 5});
}

std::vector<sf_array_spec> rnnt_path_inputs() {
    return {{"logits", "T", "batch frames labels+1 classes", SF_STRIDED},
            {"targets", "int32", "batch labels", 0},
            {"frame_lengths", "int32", "batch", 0},
            {"label_lengths", "int32", "batch", 0},
            {"windows", "int32", "batch labels 2", SF_OPTIONAL},
            {"big_blanks", "int32", "blanks 2", SF_OPTIONAL}};
}

std::vector<sf_array_spec> tdt_path_inputs() {
    return {{"logits", "T", "batch frames labels+1 classes", SF_STRIDED},
            {"duration_logits", "T", "batch frames labels+1 durations", SF_STRIDED},
            {"targets", "int32", "batch labels", 0},
            {"frame_lengths", "int32", "batch", 0},
            {"label_lengths", "int32", "batch", 0},
            {"durations", "int32", "durations", 0}};
}

std::vector<sf_attribute_spec> tdt_path_attributes() {
    return {{"blank", "int", 0}, {"normalized", "bool", 0}, {"sigma", "float", 0}};
}

std::vector<sf_attribute_spec> rnnt_path_attributes() {
    std::vector<sf_attribute_spec> attributes = tdt_path_attributes();
    attributes.push_back({"topology", "int", kRegular});
    attributes.push_back({"hat", "bool", 0});
    attributes.push_back({"delay_penalty", "float", 0});
    return attributes;
}

}  // namespace seqfront
