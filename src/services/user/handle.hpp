#pragma once

#include <string>
#include <string_view>

namespace guildhall::user {

/// True for words that no member may have as handle: parts of the API's and the web's own addresses, and names that
/// would look official. `handle` is in its canonical form.
bool is_reserved(std::string_view handle);

/// A handle made from a display name ("Žofie Nováková" → "zofie-novakova"): valid, not reserved, at most 20 characters,
/// so that a number fits behind it; "member" when the name gives too little.
std::string handle_from_name(std::string_view name);

/// What to try when `handle` is taken: it with a random number behind it, longer from try to try (0, 1, …). At most 30
/// characters.
std::string numbered_handle(std::string_view handle, int attempt);

}  // namespace guildhall::user
