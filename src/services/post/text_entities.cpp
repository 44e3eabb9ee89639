#include "services/post/text_entities.hpp"

#include <algorithm>

#include <utf8proc.h>

#include "platform/base/text.hpp"
#include "platform/json/constraints.hpp"

namespace guildhall::post {
namespace {

// General Category L*. A keycap emoji is "#" with marks: no tag.
bool is_letter(char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool is_handle_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The word characters from `position`: their end in bytes, how many, and whether one is a letter.
struct Word {
    std::size_t end;
    std::size_t length = 0;
    bool has_letter = false;
};

Word word_at(std::string_view text, std::size_t position) {
    Word word{position};
    while (word.end < text.size()) {
        std::size_t next = word.end;
        const char32_t c = next_code_point(text, next);
        if (!is_word_character(c)) break;
        word.end = next;
        ++word.length;
        word.has_letter = word.has_letter || is_letter(c);
    }
    return word;
}

// Folding can make a tag longer, or make it something that the page's path would refuse.
bool is_tag(std::string_view folded) {
    const Word word = word_at(folded, 0);
    return word.end == folded.size() && word.length >= 1 && word.length <= kMaxHashtagLength;
}

// The length of the handle at `position`, 0 when there is none: letters and digits with single inner hyphens.
std::size_t handle_length(std::string_view text, std::size_t position) {
    std::size_t end = position;
    while (end < text.size() &&
           (is_handle_letter(text[end]) || (text[end] == '-' && end > position && end + 1 < text.size() &&
                                            is_handle_letter(text[end + 1]) && text[end - 1] != '-')))
        ++end;
    const std::size_t length = end - position;
    if (length < json::Handle::kMin || length > json::Handle::kMax) return 0;
    if (end < text.size()) {
        std::size_t next = end;
        if (is_word_character(next_code_point(text, next))) return 0;
    }
    return length;
}

std::string lower(std::string_view handle) {
    std::string out(handle);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

}  // namespace

TextEntities find_entities(std::string_view text) {
    TextEntities found;
    if (text.find_first_of("#@") == std::string_view::npos) return found;
    char32_t before = ' ';
    std::int64_t index = 0;  // of the code point at `position`
    for (std::size_t position = 0; position < text.size(); ++index) {
        const std::size_t start = position;
        const char32_t c = next_code_point(text, position);
        const bool can_start =
            !is_word_character(before) && before != '#' && before != '@' && before != '&' && before != '/';
        before = c;
        if (!can_start || (c != '#' && c != '@')) continue;
        if (c == '#') {
            const Word word = word_at(text, position);
            if (!word.has_letter || word.length > kMaxHashtagLength || found.hashtags.size() == kMaxHashtags) continue;
            std::string tag = fold_case(text.substr(position, word.end - position));
            if (is_tag(tag) && std::ranges::find(found.hashtags, tag) == found.hashtags.end())
                found.hashtags.push_back(std::move(tag));
        } else if (const std::size_t length = handle_length(text, start + 1);
                   length != 0 && found.mentions.size() < kMaxMentions) {
            found.mentions.push_back(
                {{}, lower(text.substr(start + 1, length)), index, static_cast<std::int64_t>(length) + 1});
        }
    }
    return found;
}

std::vector<std::string> handles_of(const std::vector<Mention>& mentions) {
    std::vector<std::string> handles;
    for (const Mention& mention : mentions)
        if (std::ranges::find(handles, mention.handle) == handles.end()) handles.push_back(mention.handle);
    return handles;
}

}  // namespace guildhall::post
