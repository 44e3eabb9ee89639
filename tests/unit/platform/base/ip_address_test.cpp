#include "platform/base/ip_address.hpp"

#include <gtest/gtest.h>

namespace guildhall {
namespace {

std::string canonical(const char* text) {
    const auto address = IpAddress::parse(text);
    return address ? address->text() : "none";
}

std::string forwarded(const char* text) {
    const auto address = IpAddress::parse_forwarded(text);
    return address ? address->text() : "none";
}

// [F: a client's address is compared as text]
TEST(IpAddress, HasOneFormForEachAddress) {
    EXPECT_EQ(canonical("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(canonical("::ffff:192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(canonical("::FFFF:c000:201"), "192.0.2.1");
    EXPECT_EQ(canonical("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
    EXPECT_EQ(canonical("0:0:0:0:0:0:0:1"), "::1");
}

TEST(IpAddress, IsRefusedWhenItIsNone) {
    for (const char* text : {"", "192.0.2", "192.0.2.256", "localhost", "192.0.2.1 ", "[::1]", "::1%lo", "1.2.3.4:80",
                             "2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8"})
        EXPECT_EQ(canonical(text), "none") << text;
}

TEST(IpAddress, IsReadWithThePortThatAProxyAdds) {
    EXPECT_EQ(forwarded("192.0.2.1:443"), "192.0.2.1");
    EXPECT_EQ(forwarded("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(forwarded("[2001:db8::1]:65535"), "2001:db8::1");
    EXPECT_EQ(forwarded("2001:db8::1"), "2001:db8::1");
    for (const char* text : {"192.0.2.1:", "192.0.2.1:x", "192.0.2.1:65536", "192.0.2.1:-1", "[192.0.2.1]:80", "[::1",
                             "[::1]80", "[::1]:", "[]", "unknown", "_hidden:80"})
        EXPECT_EQ(forwarded(text), "none") << text;
}

TEST(IpAddress, BelongsToASubscriber) {
    const auto subscriber = [](const char* text) { return IpAddress::parse(text)->subscriber().text(); };
    EXPECT_EQ(subscriber("192.0.2.77"), "192.0.2.77");
    EXPECT_EQ(subscriber("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

TEST(IpNetwork, ContainsTheAddressesOfItsRange) {
    const auto contains = [](const char* network, const char* address) {
        return IpNetwork::parse(network)->contains(*IpAddress::parse(address));
    };
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(contains("192.0.2.64/26", "::ffff:192.0.2.127"));
    EXPECT_FALSE(contains("192.0.2.64/26", "192.0.2.128"));
    EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.1"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
}

TEST(IpNetwork, IsWrittenAsItIsRead) {
    for (const char* text : {"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"})
        EXPECT_EQ(IpNetwork::parse(text)->text(), text);
    EXPECT_EQ(IpNetwork::parse("192.0.2.1/32")->text(), "192.0.2.1");
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "a/8"})
        EXPECT_FALSE(IpNetwork::parse(text)) << text;
}

}  // namespace
}  // namespace guildhall
