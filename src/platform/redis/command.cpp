#include "platform/redis/command.hpp"

#include <array>
#include <stdexcept>

#include <openssl/evp.h>

#include "platform/base/text.hpp"

namespace guildhall::redis {
namespace {

constexpr std::size_t kSlots = 16384;

constexpr std::array<std::uint16_t, 256> kCrcTable = [] {
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        unsigned crc = byte << 8;
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        table[byte] = static_cast<std::uint16_t>(crc);
    }
    return table;
}();

std::uint16_t crc16(std::string_view bytes) {
    std::uint16_t crc = 0;
    for (const char byte : bytes) {
        const unsigned index = (crc >> 8) ^ static_cast<unsigned char>(byte);
        crc = static_cast<std::uint16_t>((crc << 8) ^ kCrcTable[index]);
    }
    return crc;
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
    if (const auto open = key.find('{'); open != std::string_view::npos) {
        const auto close = key.find('}', open + 1);
        if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
    }
    return crc16(key) % kSlots;
}

Command& Command::argument(std::string_view value) {
    arguments_ += '$';
    arguments_ += std::to_string(value.size());
    arguments_ += "\r\n";
    arguments_ += value;
    arguments_ += "\r\n";
    ++count_;
    return *this;
}

Command& Command::key(std::string_view value) {
    slot_ = slot_of(value);
    return argument(value);
}

void Command::append_to(std::string& out) const {
    out += '*';
    out += std::to_string(count_);
    out += "\r\n";
    out += arguments_;
}

Script::Script(std::string_view text) : text_(text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        throw std::runtime_error("SHA-1 is not available");
    }
    hash_ = hex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace guildhall::redis
