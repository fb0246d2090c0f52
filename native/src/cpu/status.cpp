// The text of the last error of each thread.
#include "status.hpp"

#include <cstdarg>
#include <cstdio>

namespace seqfront {
namespace {
thread_local char last_message[512] = "";
}  // namespace

void set_last_error(const char* message) noexcept {
    std::snprintf(last_message, sizeof(last_message), "%s", message);
}

const char* last_error() noexcept { return last_message; }

void invalid(const char* format, ...) {
    char text[sizeof(last_message)];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    throw InvalidArgument(text);
}

}  // namespace seqfront
