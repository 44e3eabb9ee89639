#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guildhall::http {

/// The strong entity tag of an answer: "VERSION-HASH", or "HASH" when `version` is 0. The version lets If-Match name
/// what was edited, whatever counters and the viewer's own marks have done to the rest of the answer.
std::string entity_tag(std::int64_t version, std::string_view body);

/// The entity tag of an answer that only says what was edited: "VERSION".
std::string entity_tag(std::int64_t version);

/// An If-Match or If-None-Match field: `*`, or a list of entity tags (RFC 9110 §13.1.1). Views the text it was read
/// from.
class EntityTags {
public:
    /// The pattern of what parse() accepts, for the API document.
    static constexpr const char* kPattern =
        R"(^[ \t]*(\*|(,[ \t]*)*(W/)?"[!#-~\x80-\xff]*"([ \t]*,([ \t]*(W/)?"[!#-~\x80-\xff]*")?)*)[ \t]*$)";

    /// Reads the field; nothing when it is neither. Empty items of a list are skipped (RFC 9110 §5.6.1.2).
    static std::optional<EntityTags> parse(std::string_view text);

    bool is_any() const { return is_any_; }
    /// The versions in the strong tags of ours, for the comparison of If-Match: weak tags never match.
    std::vector<std::int64_t> versions() const;
    /// True when the list has `etag` or is `*`, in the weak comparison of If-None-Match. The suffix of a compressed
    /// answer is ignored.
    bool contains(std::string_view etag) const;

private:
    struct Tag {
        std::string_view opaque;  // without the quotation marks
        bool is_weak;
    };
    bool is_any_ = false;
    std::vector<Tag> tags_;
};

}  // namespace guildhall::http
