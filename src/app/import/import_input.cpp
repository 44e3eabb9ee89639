#include "app/import/import_input.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "services/post/post.hpp"

namespace guildhall::app {
namespace {

constexpr std::size_t kMaxEdgeLineBytes = 4096;
constexpr std::size_t kMaxTextLineBytes = 64 << 10;
constexpr std::size_t kMaxDigits = 18;  // so that every number fits into 64 bits and, with a name, into a handle
constexpr std::size_t kMaxParagraph = post::kMaxPostLength;
constexpr std::size_t kMaxName = 60;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // U+FEFF, as some editors write it
constexpr std::size_t kMaxHeadline = 220;

/// Calls `use` with each line and its number from 1, without the line's end and the file's byte order mark.
void each_line(const std::filesystem::path& file, std::size_t max_bytes,
               const std::function<void(std::string_view, std::size_t)>& use) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw BadInput(file, 0, "cannot be read");
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        if (line.ends_with('\r')) line.pop_back();
        if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
        if (line.size() > max_bytes)
            throw BadInput(file, number, "the line has more than " + std::to_string(max_bytes) + " bytes");
        use(line, number);
    }
    if (in.bad()) throw BadInput(file, 0, "cannot be read to its end");
}

/// Takes the next field of `rest` and the separator behind it: white space, or a comma or semicolon.
std::string_view take_field(std::string_view& rest) {
    constexpr std::string_view kBlanks = " \t";
    const auto skip_blanks = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size())); };
    skip_blanks();
    const std::string_view field = rest.substr(0, rest.find_first_of(" \t,;"));
    rest.remove_prefix(field.size());
    skip_blanks();
    if (rest.starts_with(',') || rest.starts_with(';')) rest.remove_prefix(1);
    return field;
}

std::optional<std::int64_t> node_of(std::string_view word) {
    std::int64_t node = 0;
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), node);
    if (failure != std::errc() || end != word.data() + word.size() || word.size() > kMaxDigits || node < 0) return {};
    return node;
}

bool is_column_name(std::string_view field) {
    return !field.empty() && (std::isalpha(static_cast<unsigned char>(field.front())) != 0 || field.front() == '"');
}

/// The text as a member could have sent it, by the rule of the API; empty when the line is to be skipped.
std::string clean(const std::filesystem::path& file, std::size_t number, std::string_view text, std::size_t max_length,
                  bool is_one_line) {
    std::string out;
    json::Faults faults;
    json::rules::text(text, out, 0, max_length, is_one_line, {}, faults);
    if (!faults.empty()) throw BadInput(file, number, "the text " + faults.take().front().detail);
    return out;
}

void read_names_of(const std::filesystem::path& file, std::vector<std::string>& names) {
    each_line(file, kMaxTextLineBytes, [&](std::string_view line, std::size_t number) {
        std::string name = clean(file, number, line, kMaxName, true);
        if (!name.empty() && !name.starts_with('#')) names.push_back(std::move(name));
    });
}

}  // namespace

EdgeList read_edges(const std::filesystem::path& file, bool is_strict) {
    using Pair = std::pair<std::int64_t, std::int64_t>;
    std::vector<Pair> pairs;
    std::set<Pair> seen;  // only when repeated lines are refused: it is the larger part of the memory
    EdgeList out;
    each_line(file, kMaxEdgeLineBytes, [&](std::string_view line, std::size_t number) {
        std::string_view rest = trim(line);
        if (rest.empty() || rest.starts_with('#') || rest.starts_with('%')) return;
        const auto ignore = [&](std::size_t& count, const std::string& why) {
            if (is_strict) throw BadInput(file, number, why);
            ++count;
        };
        const std::string_view first = take_field(rest);
        const std::string_view second = take_field(rest);
        const auto a = node_of(first);
        const auto b = node_of(second);
        if (!a || !b) {
            const std::string why =
                "expected two numbers of 0 to " + std::to_string(kMaxDigits) + " digits, the ends of an edge";
            const bool is_heading = pairs.empty() && out.nodes.empty() && out.ignored.headings == 0 &&
                                    is_column_name(first) && is_column_name(second);
            if (!is_heading) throw BadInput(file, number, why);
            return ignore(out.ignored.headings, why);
        }
        if (!trim(rest).empty()) ignore(out.ignored.further_columns, "more than two columns");
        if (*a == *b) {
            out.nodes.push_back(*a);
            return ignore(out.ignored.self_loops, "an edge of node " + std::to_string(*a) + " with itself");
        }
        const Pair pair = std::minmax(*a, *b);
        if (is_strict && !seen.insert(pair).second) throw BadInput(file, number, "repeats the edge of an earlier line");
        pairs.push_back(pair);
    });
    if (pairs.empty()) throw BadInput(file, 0, "holds no edge");

    const std::size_t lines = pairs.size();
    std::ranges::sort(pairs);
    pairs.erase(std::ranges::unique(pairs).begin(), pairs.end());
    out.ignored.repeated = lines - pairs.size();
    for (const auto& [a, b] : pairs) {
        out.nodes.push_back(a);
        out.nodes.push_back(b);
    }
    std::ranges::sort(out.nodes);
    out.nodes.erase(std::ranges::unique(out.nodes).begin(), out.nodes.end());
    const auto place = [&](std::int64_t node) {
        return static_cast<std::uint32_t>(std::ranges::lower_bound(out.nodes, node) - out.nodes.begin());
    };
    out.edges.reserve(pairs.size());
    for (const auto& [a, b] : pairs) out.edges.emplace_back(place(a), place(b));
    return out;
}

std::vector<std::string> read_paragraphs(const std::filesystem::path& file) {
    const bool is_table = file.extension() == ".tsv";
    std::vector<std::string> out;
    each_line(file, kMaxTextLineBytes, [&](std::string_view line, std::size_t number) {
        if (is_table) {
            const auto tab = line.find('\t');
            if (tab == std::string_view::npos && !trim(line).empty()) throw BadInput(file, number, "has no tab");
            line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
        }
        std::string text = clean(file, number, line, kMaxParagraph, false);
        if (!text.empty()) out.push_back(std::move(text));
    });
    if (out.empty()) throw BadInput(file, 0, "holds no paragraph");
    return out;
}

std::vector<std::string> read_names(const std::filesystem::path& file_or_folder) {
    std::vector<std::string> out;
    if (std::filesystem::is_directory(file_or_folder)) {
        read_names_of(file_or_folder / "names-female.txt", out);
        read_names_of(file_or_folder / "names-male.txt", out);
    } else {
        read_names_of(file_or_folder, out);
    }
    if (out.empty()) throw BadInput(file_or_folder, 0, "holds no name");
    return out;
}

std::vector<std::string> read_occupations(const std::filesystem::path& file) {
    std::vector<std::string> out;
    each_line(file, kMaxTextLineBytes, [&](std::string_view line, std::size_t number) {
        if (number == 1 || trim(line).empty()) return;
        const auto begin = line.find('\t');
        if (begin == std::string_view::npos)
            throw BadInput(file, number, "has no title: expected code, title and description between tabs");
        std::string_view title = line.substr(begin + 1);
        title = title.substr(0, title.find('\t'));
        if (title.size() >= 2 && title.starts_with('"') && title.ends_with('"'))
            title = title.substr(1, title.size() - 2);
        std::string text = clean(file, number, title, kMaxHeadline, true);
        if (text.empty()) throw BadInput(file, number, "has an empty title");
        out.push_back(std::move(text));
    });
    if (out.empty()) throw BadInput(file, 0, "holds no title");
    return out;
}

}  // namespace guildhall::app
