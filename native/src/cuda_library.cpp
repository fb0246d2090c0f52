// Finds libseqfront_cuda.so beside this library, or where SEQFRONT_CUDA_LIBRARY says, and keeps it.
#include "cuda_library.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>

namespace seqfront {
namespace {

constexpr char kFile[] = "libseqfront_cuda.so";

std::string directory() {
    Dl_info info;
    if (dladdr(reinterpret_cast<const void*>(&cuda_library), &info) == 0) return "";
    const std::string path = info.dli_fname;
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

CudaLibrary load() {
    const char* const elsewhere = std::getenv("SEQFRONT_CUDA_LIBRARY");
    const std::string path = elsewhere != nullptr ? elsewhere : directory() + kFile;
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return {nullptr, dlerror()};
    const auto function =
        reinterpret_cast<decltype(&seqfront_cuda_table)>(dlsym(library, "seqfront_cuda_table"));
    if (function == nullptr) return {nullptr, dlerror()};
    const CudaTable* const table = function();
    if (table->version != std::string(SEQFRONT_VERSION)) {
        return {nullptr, std::string(kFile) + " is of version " + table->version + ", this is " +
                             SEQFRONT_VERSION};
    }
    return {table, ""};
}

std::atomic<const CudaLibrary*> replaced{nullptr};

}  // namespace

const CudaKernel* CudaLibrary::find(const char* op) const {
    for (int32_t i = 0; table != nullptr && i < table->count; ++i) {
        if (table->kernels[i].op == std::string(op)) return &table->kernels[i];
    }
    return nullptr;
}

const CudaLibrary& cuda_library() {
    const CudaLibrary* const other = replaced;
    if (other != nullptr) return *other;
    static const CudaLibrary library = load();
    return library;
}

void use_cuda_table(const CudaTable& table) {
    static CudaLibrary library;
    library = {&table, ""};
    replaced = &library;
}

}  // namespace seqfront
