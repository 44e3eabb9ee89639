#include "services/post/text_entities.hpp"

#include <algorithm>
#include <optional>

#include <utf8proc.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"

namespace guildhall::post {
namespace {

// Each sign also has a full-width and a small form.
bool is_hashtag_sign(char32_t c) { return c == '#' || c == 0xFF03 || c == 0xFE5F; }
bool is_mention_sign(char32_t c) { return c == '@' || c == 0xFF20 || c == 0xFE6B; }

// Of what a host or the scheme of a URL is made.
bool is_host_character(char32_t c) { return c == '.' || c == '-' || c == '+' || is_word_character(c); }

// Ends a URL: white space, and what people put around one.
bool ends_url(char32_t c) {
    constexpr std::u32string_view kMarks = U"<>\"`{}|\\^、。，！？「」『』（）";
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return kMarks.find(c) != std::u32string_view::npos;
    }
}

std::size_t skip_while(std::string_view text, std::size_t position, bool (*belongs)(char32_t)) {
    for (std::size_t next = position; next < text.size(); position = next)
        if (!belongs(next_code_point(text, next))) break;
    return position;
}

// The end of the URL that begins at `position`, where no host character stands before; `position` when none does. A URL
// is a scheme and "://", or a host with a dot and "/", and the rest up to a mark that ends it, such as a bracket that
// was opened before it.
std::size_t url_end(std::string_view text, std::size_t position) {
    std::size_t end = skip_while(text, position, is_host_character);
    const std::string_view host = text.substr(position, end - position);
    if (host.empty()) return position;
    if (!text.substr(end).starts_with("://")) {
        const auto dot = host.find('.');
        if (dot == 0 || dot == std::string_view::npos || host.ends_with('.')) return position;
        if (text.substr(end).starts_with(':'))
            end = skip_while(text, end + 1, [](char32_t c) { return c >= '0' && c <= '9'; });
        if (!text.substr(end).starts_with('/')) return position;
    }
    int open = 0;
    for (std::size_t next = end; next < text.size(); end = next) {
        const char32_t c = next_code_point(text, next);
        if (c == '(' || c == '[') ++open;
        if (c == ')' || c == ']') --open;
        if (open < 0 || ends_url(c)) break;
    }
    return end;
}

// A keycap emoji is "#" with marks: no tag.
bool has_letter(std::string_view word) {
    for (std::size_t position = 0; position < word.size();) {
        const char32_t c = next_code_point(word, position);
        const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
        if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO && is_word_character(c)) return true;
    }
    return false;
}

bool is_handle_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_word_at(std::string_view text, std::size_t position) {
    return position < text.size() && is_word_character(next_code_point(text, position));
}

// Whether a name that ends at `end` goes on as an address: one of `signs` and a word follow.
bool goes_on(std::string_view text, std::size_t end, std::string_view signs) {
    return end < text.size() && signs.find(text[end]) != std::string_view::npos && is_word_at(text, end + 1);
}

// The word from `position` that can be a hashtag; none when it is the start of an address.
std::string_view tag_at(std::string_view text, std::size_t position) {
    const std::size_t end = word_end(text, position);
    return goes_on(text, end, "@") ? "" : text.substr(position, end - position);
}

// The characters from `position` that can be a handle, letters and digits with single inner hyphens; none when a word
// or an address goes on behind them.
std::string_view handle_at(std::string_view text, std::size_t position) {
    std::size_t end = position;
    while (end < text.size() &&
           (is_handle_letter(text[end]) || (text[end] == '-' && end > position && end + 1 < text.size() &&
                                            is_handle_letter(text[end + 1]) && text[end - 1] != '-')))
        ++end;
    return is_word_at(text, end) || goes_on(text, end, "@./") ? "" : text.substr(position, end - position);
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
    if (text.find_first_of("#@\xEF") == std::string_view::npos) return found;  // 0xEF begins the full-width signs
    char32_t before = ' ';
    std::int64_t index = 0;  // of the code point at `position`
    for (std::size_t position = 0; position < text.size(); ++index) {
        if (!is_host_character(before)) {
            const std::size_t end = url_end(text, position);
            index += static_cast<std::int64_t>(code_points(text.substr(position, end - position)));
            position = end;
            if (position == text.size()) break;
        }
        const char32_t c = next_code_point(text, position);
        const bool can_start = !is_word_character(before) && !is_hashtag_sign(before) && !is_mention_sign(before) &&
                               before != '&' && before != '/';
        before = c;
        if (!can_start) continue;
        if (is_hashtag_sign(c)) {
            const std::string_view word = tag_at(text, position);
            if (!has_letter(word) || found.hashtags.size() == kMaxHashtags) continue;
            std::optional<std::string> tag = canonical(json::rules::tag, word);
            if (tag && std::ranges::find(found.hashtags, *tag) == found.hashtags.end())
                found.hashtags.push_back(std::move(*tag));
        } else if (is_mention_sign(c) && found.mentions.size() < kMaxMentions) {
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
