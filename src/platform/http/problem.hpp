#pragma once

#include <string_view>

#include "platform/base/result.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"

namespace guildhall::http {

/// The HTTP status of a code.
int status_of(Code code);

/// The error as application/problem+json (RFC 9457), with `code`, `errors` and `request_id`; Retry-After and WWW-Authenticate where they belong.
Response problem(const Error& error, const RequestContext& request);

/// The same with a status that no Code has (405, 408, 431).
Response problem(int status, const Error& error, const RequestContext& request);

/// 500: the cause is in the log under the request's id, never in the answer.
Response internal_error(const RequestContext& request);

}  // namespace guildhall::http
