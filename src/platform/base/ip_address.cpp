#include "platform/base/ip_address.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace guildhall {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;
constexpr std::size_t kSubscriberBytes = 8;

/// A whole number from 0 to `most`, of at most `digits` digits.
std::optional<int> parse_number(std::string_view text, std::size_t digits, int most) {
    int number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || text.size() > digits || ec != std::errc{} || end != text.data() + text.size()) return {};
    return number >= 0 && number <= most ? std::optional(number) : std::nullopt;
}

bool is_port(std::string_view text) { return parse_number(text, 5, 65'535).has_value(); }

}  // namespace

IpAddress::IpAddress(const V4& bytes) { std::ranges::copy(bytes, std::ranges::copy(kMapped, bytes_.begin()).out); }

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof terminated || text.contains('\0')) return std::nullopt;
    *std::ranges::copy(text, terminated).out = '\0';
    V4 v4;
    if (::inet_pton(AF_INET, terminated, v4.data()) == 1) return IpAddress(v4);
    V6 v6;
    if (::inet_pton(AF_INET6, terminated, v6.data()) == 1) return IpAddress(v6);
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse_forwarded(std::string_view text) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const std::string_view rest = text.substr(close + 1);
        if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return std::nullopt;
        const auto address = parse(text.substr(1, close - 1));
        return text.substr(0, close).contains(':') ? address : std::nullopt;
    }
    if (const auto colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
        if (!is_port(text.substr(colon + 1))) return std::nullopt;
        text = text.substr(0, colon);
    }
    return parse(text);
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

std::string IpAddress::text() const {
    char out[INET6_ADDRSTRLEN];
    const bool v4 = is_v4();
    ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? kMapped.size() : 0), out, sizeof out);
    return out;
}

IpAddress IpAddress::subscriber() const {
    IpAddress network = *this;
    if (!is_v4()) std::fill(network.bytes_.begin() + kSubscriberBytes, network.bytes_.end(), std::uint8_t{0});
    return network;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    const auto slash = std::min(text.find('/'), text.size());
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    IpNetwork network;
    network.address_ = *address;
    if (slash == text.size()) return network;
    const bool is_v4_text = !text.contains(':');
    const auto bits = parse_number(text.substr(slash + 1), 3, is_v4_text ? 32 : 128);
    if (!bits) return std::nullopt;
    network.bits_ = *bits + (is_v4_text ? kMappedBits : 0);
    return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
    const auto whole = static_cast<std::size_t>(bits_ / 8);
    if (!std::equal(address_.bytes_.begin(), address_.bytes_.begin() + whole, address.bytes_.begin())) return false;
    const int rest = bits_ % 8;
    return rest == 0 || (address_.bytes_[whole] ^ address.bytes_[whole]) >> (8 - rest) == 0;
}

std::string IpNetwork::text() const {
    if (bits_ == 128) return address_.text();
    const bool is_v4 = address_.is_v4() && bits_ >= kMappedBits;
    return address_.text() + '/' + std::to_string(is_v4 ? bits_ - kMappedBits : bits_);
}

}  // namespace guildhall
