#include "platform/http/client_address.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

boost::beast::http::fields forwarded(std::initializer_list<const char*> lines) {
    boost::beast::http::fields header;
    for (const char* line : lines) header.insert("X-Forwarded-For", line);
    return header;
}

std::vector<IpNetwork> networks(std::initializer_list<const char*> texts) {
    std::vector<IpNetwork> out;
    for (const char* text : texts) out.push_back(*IpNetwork::parse(text));
    return out;
}

const std::vector<IpNetwork> kProxies = networks({"10.0.0.1", "10.0.0.2"});

/// What the requests of a client are counted and logged under.
std::string client_of(const boost::beast::http::fields& header, const char* peer_ip,
                      const std::vector<IpNetwork>& proxies = kProxies) {
    const Peer peer(boost::asio::ip::make_address(peer_ip), proxies);
    const auto address = forwarded_address(header, peer, proxies);
    return address ? address->text() : peer.text;
}

TEST(ClientAddress, IsThePeerWhenThatIsNoProxyOfOurs) {
    EXPECT_EQ(client_of(forwarded({"203.0.113.9"}), "198.51.100.7"), "198.51.100.7");
    EXPECT_EQ(client_of(forwarded({"203.0.113.9"}), "198.51.100.7", {}), "198.51.100.7");
}

TEST(ClientAddress, IsWhatTheOutermostProxyOfOursSaw) {
    EXPECT_EQ(client_of(forwarded({"203.0.113.9"}), "10.0.0.1"), "203.0.113.9");
    EXPECT_EQ(client_of(forwarded({"198.51.100.7, 203.0.113.9 , 10.0.0.2"}), "10.0.0.1"), "203.0.113.9");
}

TEST(ClientAddress, TakesRepeatedFieldsAsOneList) {
    EXPECT_EQ(client_of(forwarded({"198.51.100.7", "203.0.113.9", "10.0.0.2"}), "10.0.0.1"), "203.0.113.9");
}

TEST(ClientAddress, IsTheProxyWhenItSaysNothingThatIsAnAddress) {
    EXPECT_EQ(client_of(forwarded({}), "10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(client_of(forwarded({"203.0.113.9, unknown"}), "10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(client_of(forwarded({"10.0.0.2"}), "10.0.0.1"), "10.0.0.1");
}

// [F: a client's address is compared as text]
TEST(ClientAddress, MayCarryAPort) {
    EXPECT_EQ(client_of(forwarded({"203.0.113.7:51234"}), "10.0.0.1"), "203.0.113.7");
    EXPECT_EQ(client_of(forwarded({"[2001:db8::7]:443"}), "10.0.0.1"), "2001:db8::7");
    EXPECT_EQ(client_of(forwarded({"203.0.113.7:1, 10.0.0.2:2"}), "10.0.0.1"), "203.0.113.7");
}

// [F: a client's address is compared as text]
TEST(ClientAddress, OfAProxyIsRecognisedInEachOfItsForms) {
    EXPECT_EQ(client_of(forwarded({"203.0.113.7"}), "::ffff:10.0.0.1"), "203.0.113.7");
    EXPECT_EQ(client_of(forwarded({"203.0.113.7"}), "::1", networks({"0:0:0:0:0:0:0:1"})), "203.0.113.7");
    EXPECT_EQ(client_of(forwarded({"203.0.113.7, 10.1.2.3"}), "10.9.9.9", networks({"10.0.0.0/8"})), "203.0.113.7");
}

// [F: a client's address is compared as text]
TEST(ClientAddress, OfIpv4BehindADualStackSocketIsTheIpv4Address) {
    EXPECT_EQ(client_of(forwarded({}), "::ffff:198.51.100.7"), "198.51.100.7");
    EXPECT_EQ(client_of(forwarded({"::ffff:203.0.113.7"}), "10.0.0.1"), "203.0.113.7");
}

}  // namespace
}  // namespace guildhall::http
