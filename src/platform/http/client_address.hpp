#pragma once

#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>

#include "platform/base/ip_address.hpp"

namespace guildhall::http {

/// Who is at the other end of a socket.
struct Peer {
    Peer(const boost::asio::ip::address& peer, const std::vector<IpNetwork>& trusted_proxies);

    IpAddress address;
    std::string text;
    bool is_trusted_proxy;
};

/// The address of the client behind our proxies: X-Forwarded-For of a request from one of `trusted_proxies` is followed
/// to the first address that is none of them; nothing when the peer itself is the client.
std::optional<IpAddress> forwarded_address(const boost::beast::http::fields& header, const Peer& peer,
                                           const std::vector<IpNetwork>& trusted_proxies);

}  // namespace guildhall::http
