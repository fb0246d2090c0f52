# What libseqfront_cuda.so is made of, and in the tests the same kernels for the host: a line for
# each op, and for what they take from the CPU's side.
set(SEQFRONT_CUDA_KERNELS
  ${CMAKE_CURRENT_LIST_DIR}/ctc/ctc.cu
  ${CMAKE_CURRENT_LIST_DIR}/table.cu
  ${CMAKE_CURRENT_LIST_DIR}/transducer/rnnt.cu
  ${CMAKE_CURRENT_LIST_DIR}/transducer/rnnt_align.cu
  ${CMAKE_CURRENT_LIST_DIR}/transducer/rnnt_posteriors.cu)
set(SEQFRONT_CUDA_HOST_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/../cpu/ctc/ctc_problem.cpp
  ${CMAKE_CURRENT_LIST_DIR}/../cpu/problem.cpp
  ${CMAKE_CURRENT_LIST_DIR}/../cpu/status.cpp
  ${CMAKE_CURRENT_LIST_DIR}/../cpu/transducer/transducer_options.cpp
  ${CMAKE_CURRENT_LIST_DIR}/../op.cpp)
