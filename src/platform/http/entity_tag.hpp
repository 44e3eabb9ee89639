#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/result.hpp"

namespace guildhall::http {

/// The strong entity tag of an answer: "VERSION-HASH", or "HASH" when `version` is 0. The version lets If-Match name
/// what was edited, whatever counters and the viewer's own marks have done to the rest of the answer.
std::string entity_tag(std::int64_t version, std::string_view body);

/// The entity tag of an answer that only says what was edited: "VERSION".
std::string entity_tag(std::int64_t version);

/// The version in an If-Match field with one entity tag of ours: "12-9f…" gives 12; `*` gives 0. Errors: invalid.
Result<std::int64_t> version_of_if_match(std::string_view text);

/// True when an If-None-Match field names `etag` (weak comparison; the suffix of a compressed answer is ignored).
bool names_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace guildhall::http
