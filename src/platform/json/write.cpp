#include "platform/json/write.hpp"

#include <array>

namespace guildhall::json {
namespace {

constexpr std::array<bool, 256> kNeedsEscape = [] {
    std::array<bool, 256> table{};
    for (int c = 0; c < 0x20; ++c) table[static_cast<std::size_t>(c)] = true;
    table['"'] = table['\\'] = true;
    return table;
}();

void append_escaped(std::string& out, char c) {
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u00";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
}

}  // namespace

void write_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t clean = 0;  // start of the run not yet copied
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!kNeedsEscape[static_cast<unsigned char>(text[i])]) continue;
        out.append(text, clean, i - clean);
        append_escaped(out, text[i]);
        clean = i + 1;
    }
    out.append(text, clean);
    out += '"';
}

}  // namespace guildhall::json
