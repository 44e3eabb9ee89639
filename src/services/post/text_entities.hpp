#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/post/post.hpp"

namespace guildhall::post {

/// What a text seems to name. Of the mentions, only those whose handle is a member's become entities: see
/// `mentions_of`.
struct TextEntities {
    std::vector<std::string> hashtags;  // case-folded, each once, in order of appearance
    std::vector<Mention> mentions;      // without user_id; handles in lower case
};

/// Finds hashtags and mentions in valid UTF-8: "#" and a word of 1 to 100 code points of which one is a letter; "@" and
/// a handle; the signs may be in full width. Neither stands inside a word, a URL or an address: in "@ada.example.org",
/// "@ada@example.org", "@ada/x" and "#tag@example.org" there is none. At most 30 of each; the rest is plain text.
TextEntities find_entities(std::string_view text);

/// The different handles of the mentions, for one look-up.
std::vector<std::string> handles_of(const std::vector<Mention>& mentions);

}  // namespace guildhall::post
