#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace guildhall::app {

/// A line of an input file that cannot be taken; what() is "FILE:LINE: why".
class BadInput : public std::runtime_error {
public:
    BadInput(const std::filesystem::path& file, std::size_t line, const std::string& why)
        : std::runtime_error(file.string() + (line > 0 ? ":" + std::to_string(line) : "") + ": " + why) {}
};

/// Friendships among nodes. Nodes are known by their place in `nodes` from then on.
struct EdgeList {
    std::vector<std::int64_t> nodes;                             // ascending, without doubles
    std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;  // smaller place first, ascending, without doubles

    /// Lines that were read, but not as they stand.
    struct Ignored {
        std::size_t repeated = 0;         // say again what an earlier line said, in either direction
        std::size_t self_loops = 0;       // join a node with itself; the node counts
        std::size_t further_columns = 0;  // have more than two columns
        std::size_t headings = 0;         // 1 when names of columns come before the first edge
    } ignored;
};

/// Reads two numbers of at most 18 digits a line, between white space, commas or semicolons. Empty lines and those that
/// begin with # or % are comments. What EdgeList::Ignored counts is taken, but refused when `is_strict`.
/// Throws BadInput: anything else, an overlong line, a file without an edge.
EdgeList read_edges(const std::filesystem::path& file, bool is_strict);

/// Reads one paragraph a line, in NFC and without white space at its ends; of a .tsv file what is behind the first tab.
/// Empty lines are skipped.
/// Throws BadInput: invalid UTF-8, control characters, more than 3000 code points, a file without a paragraph.
std::vector<std::string> read_paragraphs(const std::filesystem::path& file);

/// Reads one first name a line; of a folder, names-female.txt and then names-male.txt. Empty lines and those that begin
/// with # are skipped.
/// Throws BadInput: invalid UTF-8, control characters, more than 60 code points, no name at all.
std::vector<std::string> read_names(const std::filesystem::path& file_or_folder);

/// Reads the titles of an O*NET table (code, title, description between tabs; the first line is a heading), without
/// their quotation marks.
/// Throws BadInput: a line without a title, invalid UTF-8, control characters, more than 220 code points, no title at
/// all.
std::vector<std::string> read_occupations(const std::filesystem::path& file);

}  // namespace guildhall::app
