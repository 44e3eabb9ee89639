#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/beast/http/fields.hpp>

namespace guildhall::http {

/// The address of the client behind our proxies: X-Forwarded-For of a request whose `peer_ip` is one of
/// `trusted_proxies` is followed to the first address that is not; else `peer_ip`.
std::string client_address(const boost::beast::http::fields& header, std::string_view peer_ip,
                           const std::vector<std::string>& trusted_proxies);

}  // namespace guildhall::http
