// Errors inside the library: an exception that carries a status, and the guard that turns it into
// one at the C ABI. Nothing thrown ever leaves the library.
#ifndef SEQFRONT_CPU_STATUS_HPP_
#define SEQFRONT_CPU_STATUS_HPP_

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "seqfront/seqfront.h"

namespace seqfront {

class InvalidArgument : public std::exception {
  public:
    explicit InvalidArgument(std::string message) : message_(std::move(message)) {}
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    std::string message_;
};

// An error that already has its status: no kernel, or one of another library.
class Failed : public std::exception {
  public:
    Failed(sf_status status, std::string message) : status_(status), message_(std::move(message)) {}
    sf_status status() const noexcept { return status_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    sf_status status_;
    std::string message_;
};

// Formats like printf and throws InvalidArgument.
[[noreturn]] void invalid(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Keeps `message` for sf_last_error() on this thread; long ones are cut.
void set_last_error(const char* message) noexcept;
const char* last_error() noexcept;

// Runs `body`, and gives the status of what it threw.
template <class Body>
sf_status guarded(Body&& body) noexcept {
    try {
        set_last_error("");
        body();
        return SF_OK;
    } catch (const InvalidArgument& error) {
        set_last_error(error.what());
        return SF_INVALID_ARGUMENT;
    } catch (const Failed& error) {
        set_last_error(error.what());
        return error.status();
    } catch (const std::bad_alloc&) {
        set_last_error("out of memory");
        return SF_OUT_OF_MEMORY;
    } catch (const std::exception& error) {
        set_last_error(error.what());
        return SF_INTERNAL;
    } catch (...) {
        set_last_error("unknown error");
        return SF_INTERNAL;
    }
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_STATUS_HPP_
