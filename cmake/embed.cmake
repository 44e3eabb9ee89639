# cmake -DFILES=a;b -DHEADER=out.hpp -DNAMESPACE=post -DKIND=migrations -P embed.cmake      (called by guildhall_embed)

list(SORT FILES)
list(LENGTH FILES count)
string(SUBSTRING "${KIND}" 0 1 initial)
string(TOUPPER "${initial}" initial)
string(SUBSTRING "${KIND}" 1 -1 rest)

set(entries "")
foreach(file IN LISTS FILES)
    cmake_path(GET file FILENAME name)
    file(READ "${file}" text)
    string(APPEND entries "    {\"${name}\"sv, R\"_embed_(${text})_embed_\"sv},\n")
endforeach()

file(WRITE "${HEADER}" "// Generated from ${KIND}/, do not edit.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace guildhall::${NAMESPACE} {

// The literals know their length; in a constant expression, it could not be counted in a large file.
using std::string_view_literals::operator\"\"sv;

/// Name and text of each file of ${KIND}/, in order of name.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, ${count}> k${initial}${rest}{{
${entries}}};

}  // namespace guildhall::${NAMESPACE}
")
