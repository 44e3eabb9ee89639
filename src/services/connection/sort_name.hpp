#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace guildhall::connection {

/// A sort name is no longer: it must fit into a cursor.
inline constexpr std::size_t kMaxSortNameBytes = 300;

/// A name as it is sorted and searched: folded (case, accents, width), its words separated by single spaces.
/// "Anna-Žofie  O'Neil" gives "anna zofie o neil". Empty when it has no letter or number. Cut at a character to
/// kMaxSortNameBytes.
std::string sort_name(std::string_view name);

/// What a name must match, see name_patterns().
using NamePatterns = std::array<std::string, 3>;

/// LIKE patterns (escaped by a backslash) which ' ' || sort_name must all match, so that each word of `q` begins a word
/// of the name; "%" where `q` has fewer words. Words beyond the third must follow it in the name. Nothing when `q` has
/// no word, which no name matches.
std::optional<NamePatterns> name_patterns(std::string_view q);

}  // namespace guildhall::connection
