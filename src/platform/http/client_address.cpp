#include "platform/http/client_address.hpp"

#include <algorithm>
#include <string_view>

#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

IpAddress canonical(const boost::asio::ip::address& address) {
    if (address.is_v4()) return IpAddress(address.to_v4().to_bytes());
    return IpAddress(address.to_v6().to_bytes());
}

bool is_one_of(const std::vector<IpNetwork>& networks, const IpAddress& address) {
    return std::ranges::any_of(networks, [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace

Peer::Peer(const boost::asio::ip::address& peer, const std::vector<IpNetwork>& trusted_proxies)
    : address(canonical(peer)), text(address.text()), is_trusted_proxy(is_one_of(trusted_proxies, address)) {}

std::optional<IpAddress> forwarded_address(const boost::beast::http::fields& header, const Peer& peer,
                                           const std::vector<IpNetwork>& trusted_proxies) {
    if (!peer.is_trusted_proxy) return std::nullopt;
    // Repeated fields are one list (RFC 9110 §5.3). From the right, the first address that is no proxy of ours is the
    // one that a proxy of ours saw; those before it are the client's own word.
    std::string chain;
    const auto fields = header.equal_range("X-Forwarded-For");
    for (auto field = fields.first; field != fields.second; ++field) {
        chain += ',';
        chain.append(field->value().data(), field->value().size());
    }
    std::string_view rest = chain;
    while (!rest.empty()) {
        const auto comma = rest.rfind(',');
        const auto last = IpAddress::parse_forwarded(trim(rest.substr(comma + 1)));
        rest = rest.substr(0, comma);
        if (!last) break;
        if (!is_one_of(trusted_proxies, *last)) return last;
    }
    return std::nullopt;
}

}  // namespace guildhall::http
