#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace guildhall {

/// An IPv4 or IPv6 address in one form, so that two are the same address when they compare equal: an IPv4-mapped IPv6
/// address (RFC 4291 §2.5.5.2) is the IPv4 address. By default `::`.
class IpAddress {
public:
    using V4 = std::array<std::uint8_t, 4>;
    using V6 = std::array<std::uint8_t, 16>;

    IpAddress() = default;
    /// From bytes in network order.
    explicit IpAddress(const V4& bytes);
    explicit IpAddress(const V6& bytes) : bytes_(bytes) {}

    /// Reads "192.0.2.1" or "2001:db8::1", without a port, brackets or a zone; nothing when it is neither.
    static std::optional<IpAddress> parse(std::string_view text);
    /// Reads an address as proxies write it into X-Forwarded-For: also "192.0.2.1:443", "[2001:db8::1]" and
    /// "[2001:db8::1]:443".
    static std::optional<IpAddress> parse_forwarded(std::string_view text);
    /// True for an IPv4 address.
    bool is_v4() const;
    /// The canonical text (RFC 5952).
    std::string text() const;
    /// What limits count as one client: an IPv4 address itself; of IPv6 the /64, because one subscriber has all of it.
    IpAddress subscriber() const;
    /// The bytes in network order, those of an IPv4 address behind its mapping prefix. Views this object.
    std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

private:
    friend class IpNetwork;
    V6 bytes_{};
};

/// An address or a range of addresses in CIDR notation.
class IpNetwork {
public:
    /// Reads "10.0.0.0/8", "2001:db8::/32" or an address alone; nothing when it is neither.
    static std::optional<IpNetwork> parse(std::string_view text);
    /// True when the address is in the range.
    bool contains(const IpAddress& address) const;
    /// As parse() reads it; without the length when it is one address.
    std::string text() const;

private:
    IpAddress address_;
    int bits_ = 128;  // of the form with 16 bytes
};

}  // namespace guildhall
