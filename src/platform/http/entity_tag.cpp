#include "platform/http/entity_tag.hpp"

#include <charconv>

#include "platform/base/text.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {

std::string entity_tag(std::int64_t version, std::string_view body) {
    std::string tag;
    tag.reserve(40);
    tag += '"';
    if (version != 0) {
        json::write(tag, version);
        tag += '-';
    }
    append_hex(tag, stable_hash(body));
    tag += '"';
    return tag;
}

std::string entity_tag(std::int64_t version) { return '"' + std::to_string(version) + '"'; }

Result<std::int64_t> version_of_if_match(std::string_view text) {
    if (text == "*") return std::int64_t{0};
    std::int64_t version = 0;
    if (text.size() >= 3 && text.front() == '"' && text.back() == '"') {
        const char* const close = text.data() + text.size() - 1;
        const auto [end, ec] = std::from_chars(text.data() + 1, close, version);
        if (ec == std::errc{} && version >= 1 && (*end == '-' || end == close)) return version;
    }
    return Error{Code::invalid,
                 "If-Match must be one entity tag as an ETag header gave it, or *",
                 "invalid_header",
                 {{"/If-Match", "format", "is not an entity tag"}}};
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
    if (if_none_match == "*") return true;
    const std::string_view bare = etag.substr(0, etag.size() - 1);  // without the closing quote
    for (auto at = if_none_match.find(bare); at != std::string_view::npos; at = if_none_match.find(bare, at + 1)) {
        const std::string_view rest = if_none_match.substr(at + bare.size());
        if (rest.starts_with('"') || rest.starts_with("-gzip\"")) return true;
    }
    return false;
}

}  // namespace guildhall::http
