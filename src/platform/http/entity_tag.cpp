#include "platform/http/entity_tag.hpp"

#include <algorithm>
#include <charconv>

#include "platform/base/text.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

constexpr std::string_view kCompressed = "-gzip";

/// etagc of RFC 9110 §8.8.3.
bool is_tag_character(char c) { return c == '!' || (c >= '#' && c <= '~') || static_cast<unsigned char>(c) >= 0x80; }

std::string_view trim_blanks(std::string_view text) {
    const auto first = std::min(text.find_first_not_of(" \t"), text.size());
    return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

}  // namespace

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

std::optional<EntityTags> EntityTags::parse(std::string_view text) {
    EntityTags out;
    text = trim_blanks(text);
    if (text == "*") {
        out.is_any_ = true;
        return out;
    }
    while (!text.empty()) {
        if (text.front() == ',') {
            text = trim_blanks(text.substr(1));
            continue;
        }
        Tag tag{{}, text.starts_with("W/")};
        if (tag.is_weak) text.remove_prefix(2);
        const auto close = text.find('"', 1);
        if (!text.starts_with('"') || close == std::string_view::npos) return std::nullopt;
        tag.opaque = text.substr(1, close - 1);
        if (!std::ranges::all_of(tag.opaque, is_tag_character)) return std::nullopt;
        text = trim_blanks(text.substr(close + 1));
        if (!text.empty() && text.front() != ',') return std::nullopt;
        out.tags_.push_back(tag);
    }
    if (out.tags_.empty()) return std::nullopt;
    return out;
}

std::vector<std::int64_t> EntityTags::versions() const {
    std::vector<std::int64_t> versions;
    for (const Tag& tag : tags_) {
        std::int64_t version = 0;
        const char* const close = tag.opaque.data() + tag.opaque.size();
        const auto [end, ec] = std::from_chars(tag.opaque.data(), close, version);
        const bool is_ours = ec == std::errc{} && version >= 1 && (end == close || *end == '-');
        if (is_ours && !tag.is_weak) versions.push_back(version);
    }
    return versions;
}

bool EntityTags::contains(std::string_view etag) const {
    const std::string_view bare = etag.substr(1, etag.size() - 2);  // without the quotation marks
    return is_any_ || std::ranges::any_of(tags_, [&](const Tag& tag) {
               return tag.opaque.starts_with(bare) &&
                      (tag.opaque.size() == bare.size() || tag.opaque.substr(bare.size()) == kCompressed);
           });
}

}  // namespace guildhall::http
