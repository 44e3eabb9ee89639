#include "platform/http/access_token.hpp"

#include <string>

#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "support/manual_clock.hpp"

namespace guildhall::http {
namespace {

using std::chrono::minutes;

class AccessTokensTest : public testing::Test {
protected:
    AccessTokensTest() { EXPECT_TRUE(tokens_.set_keys("{\"keys\":[" + key_.public_jwk() + "]}")); }

    std::string sign(Time expires) { return key_.sign({UserId{42}, SessionId{7}, expires}, "test", clock_.now()); }
    /// `token` with a payload of which `from` is replaced by `to`, under the old signature.
    static std::string with_other_payload(const std::string& token, const std::string& from, const std::string& to) {
        const auto first = token.find('.');
        const auto last = token.rfind('.');
        std::string payload = from_base64url(token.substr(first + 1, last - first - 1)).value();
        payload.replace(payload.find(from), from.size(), to);
        return token.substr(0, first + 1) + base64url(payload) + token.substr(last);
    }
    /// `token` with a signature that is well-formed and wrong.
    static std::string with_other_signature(const std::string& token) {
        return token.substr(0, token.rfind('.') + 1) + base64url(std::string(64, 'x'));
    }
    /// Why the token is refused; empty when it is let in.
    std::string refusal(const std::string& token) const {
        const auto claims = tokens_.verify(token);
        return claims ? "" : claims.error().detail;
    }
    std::string seconds_of(Time time) {
        return std::to_string(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
    }

    static constexpr const char* kExpired = "the access token has expired";
    static constexpr const char* kInvalid = "the access token is not valid";

    test::ManualClock clock_{Time(std::chrono::days(20'000))};
    AccessTokens tokens_{"test", clock_};
    SigningKey key_ = SigningKey::generate();
};

// [F: strictness of tokens]
TEST_F(AccessTokensTest, HaveOneSpelling) {
    const std::string token = sign(clock_.now() + minutes(15));
    ASSERT_EQ(refusal(token), "");
    const std::string signature = from_base64url(token.substr(token.rfind('.') + 1)).value();
    const std::string unsigned_part = token.substr(0, token.rfind('.') + 1);
    ASSERT_EQ(unsigned_part + base64url(signature), token);
    EXPECT_EQ(refusal(unsigned_part + base64url(signature + '\0')), kInvalid);
    EXPECT_EQ(refusal(unsigned_part + base64url(signature.substr(0, 63))), kInvalid);
    EXPECT_EQ(refusal(token + "=="), kInvalid);
    EXPECT_EQ(refusal(token + "."), kInvalid);
    EXPECT_EQ(refusal(token + " "), kInvalid);
    // 64 bytes leave four unused bits in the last of the 86 characters.
    const char last = token.back();
    const char* const other = last == 'A' ? "B" : last == 'Q' ? "R" : last == 'g' ? "h" : "x";
    EXPECT_EQ(refusal(token.substr(0, token.size() - 1) + other), kInvalid);
}

// [F: strictness of tokens]
TEST_F(AccessTokensTest, AreRefusedWhenTheyComeFromTheFuture) {
    const auto token =
        key_.sign({UserId{42}, SessionId{7}, clock_.now() + minutes(90)}, "test", clock_.now() + minutes(80));
    EXPECT_EQ(refusal(token), kInvalid);
    const auto by_a_fast_clock = key_.sign({UserId{42}, SessionId{7}, clock_.now() + minutes(15)}, "test",
                                           clock_.now() + std::chrono::seconds(50));
    EXPECT_EQ(refusal(by_a_fast_clock), "");
}

// [U3]
TEST_F(AccessTokensTest, AreLetInUntilTheyExpire) {
    const auto token = sign(clock_.now() + minutes(15));
    const auto claims = tokens_.verify(token);
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims->user, UserId{42});
    EXPECT_EQ(claims->session, SessionId{7});
    clock_.advance(minutes(15));
    EXPECT_EQ(refusal(token), kExpired);
}

// A client that goes on with an old token must not cost a signature check a request; that the wrong signature is not
// noticed shows that it is not looked at.
TEST_F(AccessTokensTest, ExpiredOnesAreRefusedWithoutACheckOfTheirSignature) {
    const auto token = sign(clock_.now() - minutes(1));
    EXPECT_EQ(refusal(token), kExpired);
    EXPECT_EQ(refusal(with_other_signature(token)), kExpired);
}

// [U3] What is read before the signature is checked can only refuse.
TEST_F(AccessTokensTest, NothingThatIsNotSignedIsBelieved) {
    const auto token = sign(clock_.now() + minutes(15));
    EXPECT_EQ(refusal(with_other_signature(token)), kInvalid);
    EXPECT_EQ(refusal(with_other_payload(token, "\"42\"", "\"43\"")), kInvalid);
    const auto expired = sign(clock_.now() - minutes(1));
    const auto revived =
        with_other_payload(expired, seconds_of(clock_.now() - minutes(1)), seconds_of(clock_.now() + minutes(15)));
    EXPECT_EQ(refusal(revived), kInvalid);
    const auto endless = with_other_payload(expired, seconds_of(clock_.now() - minutes(1)), "9223372036854775807");
    EXPECT_EQ(refusal(endless), kInvalid);
}

// [U3]
TEST_F(AccessTokensTest, GarbledOnesAreRefused) {
    const auto token = sign(clock_.now() + minutes(15));
    const auto head = token.substr(0, token.find('.'));
    for (const auto& garbled : {std::string(), std::string("."), head, head + ".", head + "..", head + ".e30.e30",
                                head + ".!!.x", token + ".more", token.substr(0, token.rfind('.')), "x" + token})
        EXPECT_EQ(refusal(garbled), kInvalid) << garbled;
}

}  // namespace
}  // namespace guildhall::http
