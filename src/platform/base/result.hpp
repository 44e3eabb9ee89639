#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/describe/enum.hpp>

namespace guildhall {

/// What the caller of an operation can do about its failure. Each has one HTTP status (platform/http/problem.hpp).
enum class Code {
    invalid,               // 400: the request cannot be read
    unauthenticated,       // 401: sign in (again)
    forbidden,             // 403: known, but refused
    not_found,             // 404: absent, or hidden from this caller
    conflict,              // 409: the state does not allow it
    gone,                  // 410: it was there and has been deleted
    precondition_failed,   // 412: If-Match names another version
    too_large,             // 413
    unsupported_media,     // 415
    unprocessable,         // 422: readable, but its meaning is refused
    too_many_requests,     // 429: retry after `retry_after`
    unavailable,           // 503: retry after `retry_after`
    insufficient_storage,  // 507: the disk is full
};
BOOST_DESCRIBE_ENUM(Code, invalid, unauthenticated, forbidden, not_found, conflict, gone, precondition_failed,
                    too_large, unsupported_media, unprocessable, too_many_requests, unavailable, insufficient_storage)

/// One faulty field of a request: where (a JSON pointer, RFC 6901), a stable code, and a sentence for people.
struct Fault {
    std::string pointer;
    std::string code;
    std::string detail;
};

/// A failure that the caller can act on. `detail` is written for the client and never holds internals.
/// `problem` is the stable, documented problem code ("handle_taken"); empty means the name of `code`.
struct Error {
    Code code;
    std::string detail;
    std::string problem = {};
    std::vector<Fault> errors = {};
    std::optional<std::chrono::seconds> retry_after = {};
};

/// A T or an Error. A class of its own over std::expected, for two reasons: `co_return other.error();` needs no
/// wrapping, and a discarded `co_await` of one is a compiler error.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;
    Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

/// A dependency is unavailable (database, engine, full disk, full queue). Caught in three places only: the router
/// (503, or 507 when `code` says so), the relay and the consumer loop.
class Unavailable : public std::runtime_error {
public:
    explicit Unavailable(const std::string& what, Code code = Code::unavailable)
        : std::runtime_error(what), code(code) {}
    Code code;
};

/// Stored data that contradicts the program's invariants. The router answers 500 and logs it.
class Corrupt : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace guildhall
