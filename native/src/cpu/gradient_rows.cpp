// Huge pages for large outputs.
#include "gradient_rows.hpp"

#include <sys/mman.h>

namespace seqfront {

void advise_huge_pages(void* memory, int64_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
    constexpr uintptr_t page = uintptr_t{2} << 20;
    const auto begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
    const auto end =
        (reinterpret_cast<uintptr_t>(memory) + static_cast<uintptr_t>(bytes)) / page * page;
    if (bytes >= int64_t{4} << 20 && end > begin) {
        madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)bytes;
#endif
}

}  // namespace seqfront
