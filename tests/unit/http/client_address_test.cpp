#include "platform/http/client_address.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

boost::beast::http::fields forwarded(std::initializer_list<const char*> lines) {
    boost::beast::http::fields header;
    for (const char* line : lines) header.insert("X-Forwarded-For", line);
    return header;
}

const std::vector<std::string> kProxies{"10.0.0.1", "10.0.0.2"};

TEST(ClientAddress, IsThePeerWhenThatIsNoProxyOfOurs) {
    EXPECT_EQ(client_address(forwarded({"203.0.113.9"}), "198.51.100.7", kProxies), "198.51.100.7");
    EXPECT_EQ(client_address(forwarded({"203.0.113.9"}), "198.51.100.7", {}), "198.51.100.7");
}

TEST(ClientAddress, IsWhatTheOutermostProxyOfOursSaw) {
    EXPECT_EQ(client_address(forwarded({"203.0.113.9"}), "10.0.0.1", kProxies), "203.0.113.9");
    EXPECT_EQ(client_address(forwarded({"198.51.100.7, 203.0.113.9 , 10.0.0.2"}), "10.0.0.1", kProxies), "203.0.113.9");
}

TEST(ClientAddress, TakesRepeatedFieldsAsOneList) {
    EXPECT_EQ(client_address(forwarded({"198.51.100.7", "203.0.113.9", "10.0.0.2"}), "10.0.0.1", kProxies),
              "203.0.113.9");
}

TEST(ClientAddress, IsTheProxyWhenItSaysNothingThatIsAnAddress) {
    EXPECT_EQ(client_address(forwarded({}), "10.0.0.1", kProxies), "10.0.0.1");
    EXPECT_EQ(client_address(forwarded({"203.0.113.9, unknown"}), "10.0.0.1", kProxies), "10.0.0.1");
    EXPECT_EQ(client_address(forwarded({"10.0.0.2"}), "10.0.0.1", kProxies), "10.0.0.1");
}

}  // namespace
}  // namespace guildhall::http
