#include "platform/http/client_address.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "platform/base/text.hpp"

namespace guildhall::http {

std::string client_address(const boost::beast::http::fields& header, std::string_view peer_ip,
                           const std::vector<std::string>& trusted_proxies) {
    const auto is_trusted = [&](std::string_view ip) {
        return std::ranges::find(trusted_proxies, ip) != trusted_proxies.end();
    };
    if (!is_trusted(peer_ip)) return std::string(peer_ip);
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
        const std::string_view last = trim(rest.substr(comma + 1));
        rest = rest.substr(0, comma);
        boost::system::error_code wrong;
        boost::asio::ip::make_address(std::string(last), wrong);
        if (wrong) break;
        if (!is_trusted(last)) return std::string(last);
    }
    return std::string(peer_ip);
}

}  // namespace guildhall::http
