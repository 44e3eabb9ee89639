#include "platform/json/pointer.hpp"

namespace guildhall::json {
namespace {

constexpr std::size_t kMaxFaults = 32;
constexpr std::size_t kMaxKeyInPointer =
    64;  // an unknown key comes from the client; it is echoed, but not at any length

void append(const Place& place, std::string& out) {
    if (!place.parent) return;
    append(*place.parent, out);
    out += '/';
    if (place.is_index) {
        out += std::to_string(place.index);
        return;
    }
    std::string_view key = place.key;
    if (key.size() > kMaxKeyInPointer) {
        key = key.substr(0, kMaxKeyInPointer);
        while (!key.empty() && (static_cast<unsigned char>(key.back()) & 0x80) != 0)
            key.remove_suffix(1);  // do not cut a character in two
    }
    for (char c : key) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
}

}  // namespace

std::string Place::pointer() const {
    std::string out;
    append(*this, out);
    return out;
}

void Faults::add(const Place& place, std::string_view code, std::string detail) {
    if (faults_.size() < kMaxFaults) faults_.push_back({place.pointer(), std::string(code), std::move(detail)});
}

}  // namespace guildhall::json
