#include "services/connection/sort_name.hpp"

#include <algorithm>

#include "platform/base/text.hpp"

namespace guildhall::connection {
namespace {

std::string like_pattern(std::string_view words) {
    std::string pattern = "% ";
    for (const char c : words) {
        if (c == '%' || c == '_' || c == '\\') pattern += '\\';
        pattern += c;
    }
    pattern += '%';
    return pattern;
}

}  // namespace

std::string sort_name(std::string_view name) {
    const std::string folded = fold(name);
    std::string out;
    out.reserve(folded.size());
    bool is_between_words = false;
    for (std::size_t at = 0; at < folded.size();) {
        const std::size_t start = at;
        if (!is_word_character(next_code_point(folded, at))) {
            is_between_words = !out.empty();
            continue;
        }
        if (out.size() + 1 + (at - start) > kMaxSortNameBytes) break;
        if (is_between_words) out += ' ';
        is_between_words = false;
        out.append(folded, start, at - start);
    }
    return out;
}

std::optional<NamePatterns> name_patterns(std::string_view q) {
    const std::string words = sort_name(q);
    if (words.empty()) return std::nullopt;
    NamePatterns patterns{"%", "%", "%"};
    std::string_view rest = words;
    for (std::size_t i = 0; i < patterns.size() && !rest.empty(); ++i) {
        const bool is_last = i + 1 == patterns.size();
        const std::size_t end = is_last ? rest.size() : std::min(rest.find(' '), rest.size());
        patterns[i] = like_pattern(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return patterns;
}

}  // namespace guildhall::connection
