#include "platform/http/internal_token.hpp"

#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "platform/http/access_token.hpp"
#include "support/manual_clock.hpp"

namespace guildhall::http {
namespace {

const std::string kSecret(32, 's');
const std::string kOtherSecret(32, 'o');

class InternalTokenTest : public testing::Test {
protected:
    std::string bearer(const InternalTokens& signer, std::string audience = "user", UserId subject = UserId{7}) {
        return "Bearer " + signer.sign({"post", std::move(audience), subject});
    }
    Code code_of(std::string_view authorization) {
        const auto claims = tokens.verify(authorization, "user");
        if (claims) throw std::logic_error("it was taken");
        return claims.error().code;
    }

    test::ManualClock clock{Time(std::chrono::days(20'000))};
    InternalTokens tokens{{kSecret}, clock};
};

// [X41]
TEST_F(InternalTokenTest, SaysWhoAsksWhomForWhom) {
    const auto claims = tokens.verify(bearer(tokens), "user");
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims->issuer, "post");
    EXPECT_EQ(claims->audience, "user");
    EXPECT_EQ(claims->subject, UserId{7});
}

TEST_F(InternalTokenTest, MayActForNobody) {
    const auto claims = tokens.verify(bearer(tokens, "user", UserId{}), "user");
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims->subject, UserId{});
}

TEST_F(InternalTokenTest, ForAnotherServiceIsRefused) {
    EXPECT_EQ(code_of(bearer(tokens, "connection")), Code::unauthenticated);
}

TEST_F(InternalTokenTest, EndsWithinAMinute) {
    const std::string old = bearer(tokens);
    clock.advance(std::chrono::seconds(29));
    EXPECT_TRUE(tokens.verify(old, "user"));
    clock.advance(std::chrono::seconds(31));
    EXPECT_EQ(code_of(old), Code::unauthenticated);
}

TEST_F(InternalTokenTest, OfAClockFarAheadIsRefused) {
    test::ManualClock ahead(clock.now() + std::chrono::seconds(20));
    EXPECT_EQ(code_of(bearer(InternalTokens({kSecret}, ahead))), Code::unauthenticated);
}

// [X41]
TEST_F(InternalTokenTest, OfAnotherSecretIsRefused) {
    EXPECT_EQ(code_of(bearer(InternalTokens({kOtherSecret}, clock))), Code::unauthenticated);
}

TEST_F(InternalTokenTest, ASecretIsReplacedWithoutAGap) {
    const InternalTokens next({kOtherSecret, kSecret}, clock);
    EXPECT_TRUE(next.verify(bearer(tokens), "user"));
    const InternalTokens prepared({kSecret, kOtherSecret}, clock);
    EXPECT_TRUE(prepared.verify(bearer(next), "user"));
}

TEST_F(InternalTokenTest, EachChangedCharacterIsNoticed) {
    const std::string good = bearer(tokens);
    for (std::size_t i = good.find('.'); i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(tokens.verify(changed, "user")) << i;
    }
}

// [X2]
TEST_F(InternalTokenTest, WhatIsNoneLooksLikeAnAbsentRoute) {
    const auto key = SigningKey::generate();
    const std::string access =
        key.sign({UserId{7}, SessionId{1}, clock.now() + std::chrono::minutes(5)}, "guildhall", clock.now());
    EXPECT_EQ(code_of(""), Code::not_found);
    EXPECT_EQ(code_of("Basic abc"), Code::not_found);
    EXPECT_EQ(code_of("Bearer "), Code::not_found);
    EXPECT_EQ(code_of("Bearer " + access), Code::not_found);
}

TEST_F(InternalTokenTest, WithoutAlgorithmOrSignatureIsRefused) {
    const std::string good = bearer(tokens);
    const std::string payload = good.substr(good.find('.') + 1, good.rfind('.') - good.find('.') - 1);
    EXPECT_EQ(code_of("Bearer " + base64url(R"({"alg":"none","typ":"internal+jwt"})") + "." + payload + "."),
              Code::not_found);
    EXPECT_EQ(code_of(good.substr(0, good.rfind('.') + 1)), Code::unauthenticated);
    EXPECT_EQ(code_of(good.substr(0, good.rfind('.'))), Code::unauthenticated);
}

TEST_F(InternalTokenTest, IsNoAccessToken) {
    const AccessTokens members("guildhall", clock);
    EXPECT_FALSE(members.verify(tokens.sign({"post", "guildhall", UserId{7}})));
}

TEST_F(InternalTokenTest, AShortSecretIsRefusedAtTheStart) {
    EXPECT_THROW(InternalTokens({std::string(31, 's')}, clock), std::invalid_argument);
    EXPECT_THROW(InternalTokens({}, clock), std::invalid_argument);
    EXPECT_THROW(InternalTokens({kSecret, ""}, clock), std::invalid_argument);
}

}  // namespace
}  // namespace guildhall::http
