#include "platform/sql/dialect.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <stdexcept>

namespace guildhall::sql::dialect {
namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

/// The position after the comment that begins at `at`, or `at` if there is none.
std::size_t behind_comment(std::string_view text, std::size_t at) {
    if (text.substr(at, 2) == "--") return std::min(text.find('\n', at), text.size());
    if (text.substr(at, 2) != "/*") return at;
    const auto end = text.find("*/", at + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
}

/// The position after the string or quoted name that begins at `at`, or `at` if there is none. A doubled quote inside
/// is read as two adjacent strings, which has the same result.
std::size_t behind_quoted(std::string_view text, std::size_t at) {
    if (text[at] != '\'' && text[at] != '"') return at;
    const auto end = text.find(text[at], at + 1);
    return end == std::string_view::npos ? text.size() : end + 1;
}

std::size_t behind_spaces(std::string_view text, std::size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

struct ListParameter {
    std::string_view number;
    std::size_t end;
};

/// The `($2:ids)` that begins at `at`.
std::optional<ListParameter> list_parameter(std::string_view text, std::size_t at) {
    if (text[at] != '(') return {};
    at = behind_spaces(text, at + 1);
    if (at >= text.size() || text[at] != '$') return {};
    const auto first = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    const auto number = text.substr(first, at - first);
    if (number.empty() || text.substr(at, 4) != ":ids") return {};
    at = behind_spaces(text, at + 4);
    if (at >= text.size() || text[at] != ')') throw std::invalid_argument("SQL: ')' expected behind :ids");
    return ListParameter{number, at + 1};
}

/// Removes the keyword `word` (lower case) from the end of `out`; false if `out` ends with another word.
bool take_keyword(std::string& out, std::string_view word) {
    std::size_t end = out.size();
    while (end > 0 && is_space(out[end - 1])) --end;
    if (end < word.size()) return false;
    const std::size_t begin = end - word.size();
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (lower(out[begin + i]) != word[i]) return false;
    }
    if (begin > 0 && is_word(out[begin - 1])) return false;
    out.resize(begin);
    return true;
}

/// Copies `text`; `list(out, parameter)` writes list parameters, other `$` become `sigil`.
template <class List>
std::string rewrite(std::string_view text, char sigil, List list) {
    std::string out;
    out.reserve(text.size() + 64);
    for (std::size_t at = 0; at < text.size();) {
        auto end = behind_quoted(text, at);
        if (end == at) end = behind_comment(text, at);
        if (end != at) {
            out += text.substr(at, end - at);
            at = end;
        } else if (const auto parameter = list_parameter(text, at)) {
            list(out, *parameter);
            at = parameter->end;
        } else {
            const bool is_parameter = text[at] == '$' && at + 1 < text.size() && is_digit(text[at + 1]);
            out += is_parameter ? sigil : text[at];
            ++at;
        }
    }
    return out;
}

/// Skips spaces and comments, then `word` (lower case); npos if another word follows.
std::size_t behind_keyword(std::string_view text, std::size_t at, std::string_view word) {
    while (at < text.size()) {
        const auto end = behind_comment(text, behind_spaces(text, at));
        if (end == at) break;
        at = end;
    }
    for (const char c : word) {
        if (at >= text.size() || lower(text[at++]) != c) return std::string_view::npos;
    }
    return at < text.size() && is_word(text[at]) ? std::string_view::npos : at;
}

/// The end of the last character that is neither space nor comment; 0 if there is none.
std::size_t significant_end(std::string_view text) {
    std::size_t last = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (const auto comment = behind_comment(text, at); comment != at) {
            at = comment;
            continue;
        }
        const auto quoted = behind_quoted(text, at);
        const bool space = is_space(text[at]);
        at = quoted != at ? quoted : at + 1;
        if (!space) last = at;
    }
    return last;
}

/// The words and brackets of `text` from `at` on, in lower case, without comments; quoted names lose their quotes.
std::vector<std::string> tokens_of(std::string_view text, std::size_t at) {
    std::vector<std::string> tokens;
    while (at < text.size()) {
        auto end = behind_comment(text, at);
        if (end == at && is_space(text[at])) end = at + 1;
        if (end != at) {
            at = end;
            continue;
        }
        end = behind_quoted(text, at);
        if (end == at) {
            while (end < text.size() && is_word(text[end])) ++end;
        }
        end = std::max(end, at + 1);
        auto& token = tokens.emplace_back(text.substr(at, end - at));
        for (auto& c : token) c = lower(c);
        if (token.size() > 2 && token.front() == '"') token = token.substr(1, token.size() - 2);
        at = end;
    }
    return tokens;
}

/// True when a CREATE TABLE has a text column that is not part of its primary key.
bool has_text_beside_key(std::string_view statement) {
    const auto tokens = tokens_of(statement, std::min(statement.find('('), statement.size()));
    std::vector<std::string> texts, keys;
    std::string column;
    int depth = 0;
    bool begins = false;  // a column or a constraint of the table
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto next = [&](std::size_t by) { return i + by < tokens.size() ? tokens[i + by] : std::string(); };
        if (begins) column = tokens[i];
        if (begins && next(1) == "text") texts.push_back(column);
        if (depth == 1 && tokens[i] == "primary" && next(1) == "key") {
            if (begins) {  // PRIMARY KEY(a, b)
                for (std::size_t k = 3; !next(k).empty() && next(k) != ")"; ++k) keys.push_back(next(k));
            } else {
                keys.push_back(column);  // name text PRIMARY KEY
            }
        }
        depth += tokens[i] == "(" ? 1 : tokens[i] == ")" ? -1 : 0;
        begins = depth == 1 && (tokens[i] == "," || (tokens[i] == "(" && i == 0));
    }
    return std::ranges::any_of(texts, [&](const auto& text) { return std::ranges::find(keys, text) == keys.end(); });
}

}  // namespace

std::string to_sqlite(std::string_view text) {
    return rewrite(text, '?', [](std::string& out, const ListParameter& parameter) {
        out.append("(SELECT value FROM json_each(?").append(parameter.number).append("))");
    });
}

std::string to_postgres(std::string_view text) {
    return rewrite(text, '$', [](std::string& out, const ListParameter& parameter) {
        if (!take_keyword(out, "in")) throw std::invalid_argument("SQL: IN expected before a list parameter");
        out.append(take_keyword(out, "not") ? "<> ALL($" : "= ANY($").append(parameter.number).append("::bigint[])");
    });
}

std::vector<std::string> split_script(std::string_view script) {
    std::vector<std::string> statements;
    std::size_t begin = 0;
    const auto add = [&](std::size_t end) {
        const auto statement = script.substr(begin, end - begin);
        if (significant_end(statement) > 0) statements.emplace_back(statement);
        begin = end + 1;
    };
    for (std::size_t at = 0; at < script.size();) {
        auto end = behind_quoted(script, at);
        if (end == at) end = behind_comment(script, at);
        if (end == at) {
            if (script[at] == ';') add(at);
            ++at;
        } else {
            at = end;
        }
    }
    if (begin < script.size()) add(script.size());
    return statements;
}

std::string without_rowid(std::string statement) {
    const auto table = behind_keyword(statement, 0, "create");
    if (table == std::string::npos || behind_keyword(statement, table, "table") == std::string::npos) return statement;
    const auto end = significant_end(statement);
    if (end == 0 || statement[end - 1] != ')') return statement;  // it has table options of its own
    if (has_text_beside_key(std::string_view(statement).substr(0, end))) return statement;
    statement.insert(end, " WITHOUT ROWID");
    return statement;
}

}  // namespace guildhall::sql::dialect
