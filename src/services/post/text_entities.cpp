#include "services/post/text_entities.hpp"

#include <algorithm>
#include <optional>

#include <utf8proc.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"

namespace guildhall::post {
namespace {

// General Category L*. A keycap emoji is "#" with marks: no tag.
bool is_letter(char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool is_handle_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The word characters from a position: their end in bytes, and whether one is a letter.
struct Word {
    std::size_t end;
    bool has_letter = false;
};

Word word_at(std::string_view text, std::size_t position) {
    Word word{position};
    while (word.end < text.size()) {
        std::size_t next = word.end;
        const char32_t c = next_code_point(text, next);
        if (!is_word_character(c)) break;
        word.end = next;
        word.has_letter = word.has_letter || is_letter(c);
    }
    return word;
}

// The characters from `position` that can be a handle, letters and digits with single inner hyphens; none when a word
// goes on behind them.
std::string_view handle_at(std::string_view text, std::size_t position) {
    std::size_t end = position;
    while (end < text.size() &&
           (is_handle_letter(text[end]) || (text[end] == '-' && end > position && end + 1 < text.size() &&
                                            is_handle_letter(text[end + 1]) && text[end - 1] != '-')))
        ++end;
    if (std::size_t next = end; next < text.size() && is_word_character(next_code_point(text, next))) return {};
    return text.substr(position, end - position);
}

// `word` as the API writes a tag or a handle; nothing when `rule` refuses it. Folding, for example, can make a tag too
// long.
std::optional<std::string> canonical(decltype(json::rules::tag) rule, std::string_view word) {
    std::string out;
    json::Faults faults;
    rule(word, out, {}, faults);
    if (!faults.empty()) return std::nullopt;
    return out;
}

}  // namespace

TextEntities find_entities(std::string_view text) {
    TextEntities found;
    if (text.find_first_of("#@") == std::string_view::npos) return found;
    char32_t before = ' ';
    std::int64_t index = 0;  // of the code point at `position`
    for (std::size_t position = 0; position < text.size(); ++index) {
        const char32_t c = next_code_point(text, position);
        const bool can_start =
            !is_word_character(before) && before != '#' && before != '@' && before != '&' && before != '/';
        before = c;
        if (!can_start || (c != '#' && c != '@')) continue;
        if (c == '#') {
            const Word word = word_at(text, position);
            if (!word.has_letter || found.hashtags.size() == kMaxHashtags) continue;
            std::optional<std::string> tag = canonical(json::rules::tag, text.substr(position, word.end - position));
            if (tag && std::ranges::find(found.hashtags, *tag) == found.hashtags.end())
                found.hashtags.push_back(std::move(*tag));
        } else if (found.mentions.size() < kMaxMentions) {
            const std::string_view word = handle_at(text, position);
            std::optional<std::string> handle = canonical(json::rules::handle, word);
            if (handle)
                found.mentions.push_back({{}, std::move(*handle), index, static_cast<std::int64_t>(word.size()) + 1});
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
