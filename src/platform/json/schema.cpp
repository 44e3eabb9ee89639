#include "platform/json/schema.hpp"

#include <cctype>

namespace guildhall::json::detail {

std::string short_name(std::string_view qualified) {
    // Namespaces are dropped before each name; what separates template arguments too: "a::Box<a::Post>" → "BoxPost".
    constexpr std::string_view kAnonymous = "(anonymous namespace)::";
    if (const auto at = qualified.find(kAnonymous); at != std::string_view::npos)
        return short_name(qualified.substr(0, at)) + short_name(qualified.substr(at + kAnonymous.size()));
    std::string out;
    std::string word;
    for (std::size_t i = 0; i < qualified.size(); ++i) {
        const char c = qualified[i];
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
            word += c;
        } else if (c == ':') {
            word.clear();
        } else {
            out += word;
            word.clear();
        }
    }
    return out + word;
}

}  // namespace guildhall::json::detail
