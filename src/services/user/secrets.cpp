#include "services/user/secrets.hpp"

#include <cstddef>

#include "platform/base/text.hpp"
#include "services/user/throttle.hpp"

namespace guildhall::user {
namespace {

// No 0 and O, no 1 and I. 32 characters: each takes 5 bits, none is likelier than another.
constexpr std::string_view kCodeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
constexpr std::size_t kCodeLength = 8;
constexpr std::size_t kTokenBytes = 32;

}  // namespace

std::string make_token() { return base64url(random_bytes(kTokenBytes)); }

std::string hash_of_token(std::string_view token) { return hex(sha256(token)); }

std::string make_code() {
    std::string code = random_bytes(kCodeLength);
    for (char& c : code) c = kCodeAlphabet[static_cast<unsigned char>(c) % kCodeAlphabet.size()];
    return code;
}

std::string hash_of_code(std::string_view email, std::string_view typed) {
    std::string text(email);
    text += '\n';
    for (const char c : typed) {
        if (c == ' ' || c == '-') continue;
        text += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return hex(sha256(text));
}

// The salt comes first and has a fixed length, and both are uniformly random: no HMAC is needed.
std::string successor_of(std::string_view token, std::string_view salt) {
    std::string text(salt);
    text += '\n';
    text += token;
    return base64url(sha256(text));
}

DeviceMarks marks_of(std::string_view device_token, std::string_view ip) {
    DeviceMarks marks;
    if (!device_token.empty()) marks.device = hash_of_token(std::string("device\n").append(device_token));
    if (!ip.empty()) marks.network = hash_of_token("network\n" + network_of(ip));
    return marks;
}

}  // namespace guildhall::user
