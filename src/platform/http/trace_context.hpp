#pragma once

#include <string>
#include <string_view>

namespace guildhall::http {

/// The traceparent of our own span: in the trace of `incoming`, or in a new trace when that is no valid traceparent.
/// Source: W3C Trace Context, version 00.
std::string next_traceparent(std::string_view incoming);

}  // namespace guildhall::http
