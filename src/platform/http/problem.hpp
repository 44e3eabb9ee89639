#pragma once

#include <string>
#include <string_view>

#include "platform/base/result.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"

namespace guildhall::http {

/// The HTTP status of a code.
int status_of(Code code);

/// The error as application/problem+json (RFC 9457) with `code`, `errors` and `request_id`, and with Retry-After or
/// WWW-Authenticate where the code asks for it.
Response problem(const Error& error, const RequestContext& request);

/// Why a request is not read to its end, or has no route: with a status that no Code has (405, 408, 431), or before
/// there is a handler.
struct Refusal {
    int status;
    std::string_view code;  // a literal
    std::string detail;
};

/// The refusal as application/problem+json; 429 and 503 with Retry-After.
Response problem(const Refusal& refusal, const RequestContext& request);

/// A 500 without its cause: that is in the log, under the request's id.
Response internal_error(const RequestContext& request);

}  // namespace guildhall::http
