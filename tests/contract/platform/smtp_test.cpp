#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/base/text.hpp"
#include "platform/mail/smtp_mailer.hpp"
#include "support/await.hpp"
#include "support/processes.hpp"

namespace guildhall::mail {
namespace {

using test::await;
using testing::HasSubstr;

/// The value of a variable that tests/engines/up-mailpit prints; empty without it.
std::string from_mailpit(const char* name) {
    const char* value = std::getenv((std::string("GUILDHALL_TEST_") + name).c_str());
    return value == nullptr ? "" : value;
}

/// Against real servers: one that asks for STARTTLS and a password, and takes mail to example.org only; and one that
/// puts all mail off.
class SmtpMailer : public testing::Test {
protected:
    void SetUp() override {
        if (from_mailpit("SMTP").empty()) GTEST_SKIP() << "GUILDHALL_TEST_SMTP is not set";
    }
    static SmtpOptions options() {
        SmtpOptions options;
        options.url = from_mailpit("SMTP");
        options.ca_file = from_mailpit("SMTP_CA");
        return options;
    }
    static Result<void> send(const SmtpOptions& options, const std::string& to, const std::string& text = "text") {
        const auto mailer = make_smtp_mailer(options);
        return await(mailer->send({to, "Grüße", text}));
    }
    /// What the server has of the only mail to `address`, which it shows with its headers.
    static std::string received(const std::string& address) {
        const std::string api = from_mailpit("MAILPIT");
        const std::string found = test::output_of("curl -sf '" + api + "/api/v1/search?query=to:" + address + "'");
        const auto at = found.find("\"ID\":\"");
        if (at == std::string::npos) return "";
        const std::string id = found.substr(at + 6, found.find('"', at + 6) - at - 6);
        return test::output_of("curl -sf '" + api + "/api/v1/message/" + id + "/raw'");
    }
    const std::string address_ = hex(random_bytes(8)) + "@example.org";
};

TEST_F(SmtpMailer, HandsAMessageOverWithTlsAndAPassword) {
    ASSERT_TRUE(send(options(), address_, "Hello\n.\nCode: AB12CD34\n"));
    const std::string mail = received(address_);
    EXPECT_THAT(mail, HasSubstr("From: Guildhall <no-reply@guildhall.invalid>\r\n"));
    EXPECT_THAT(mail, HasSubstr("To: " + address_ + "\r\n"));
    EXPECT_THAT(mail, HasSubstr("\r\n\r\nHello\r\n.\r\nCode: AB12CD34\r\n")) << "a line with a dot is no end";
}

TEST_F(SmtpMailer, SaysWhatTheServerWillNeverTake) {
    const auto refused = send(options(), "nobody@refused.invalid");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unprocessable);
    EXPECT_THAT(refused.error().detail, HasSubstr("550"));
}

TEST_F(SmtpMailer, SaysWhatTheServerPutsOff) {
    SmtpOptions deferring;
    deferring.url = from_mailpit("SMTP_DEFERRING");
    deferring.is_tls_required = false;
    const auto put_off = send(deferring, address_);
    ASSERT_FALSE(put_off);
    EXPECT_EQ(put_off.error().code, Code::unavailable);
    EXPECT_THAT(put_off.error().detail, HasSubstr("451"));
}

// A wrong password is no fault of the message: it must not be given up.
TEST_F(SmtpMailer, ThrowsWhenTheServerRefusesThisClient) {
    SmtpOptions wrong = options();
    wrong.url.replace(wrong.url.find("mail%20secret"), 13, "wrong");
    EXPECT_THROW((void)send(wrong, address_), Unavailable);
    SmtpOptions nobody = options();
    nobody.url = "smtp://" + nobody.url.substr(nobody.url.find('@') + 1);
    EXPECT_THROW((void)send(nobody, address_), Unavailable);
    EXPECT_FALSE(await(make_smtp_mailer(wrong)->is_up()));
}

// Nor is a sender that the server does not take, such as a wrong mail.from.
TEST_F(SmtpMailer, ThrowsWhenTheServerRefusesTheSender) {
    SmtpOptions refusing;
    refusing.url = from_mailpit("SMTP_REFUSING");
    refusing.is_tls_required = false;
    EXPECT_THROW((void)send(refusing, address_), Unavailable);
}

TEST_F(SmtpMailer, SendsNothingWithoutTlsWhenItIsRequired) {
    SmtpOptions plain;
    plain.url = from_mailpit("SMTP_DEFERRING");
    EXPECT_THROW((void)send(plain, address_), Unavailable);
}

TEST_F(SmtpMailer, TrustsNoUnknownAuthority) {
    SmtpOptions system = options();
    system.ca_file.clear();
    EXPECT_THROW((void)send(system, address_), Unavailable);
    EXPECT_EQ(received(address_), "");
}

TEST_F(SmtpMailer, SaysWhetherTheServerIsThere) {
    EXPECT_TRUE(await(make_smtp_mailer(options())->is_up()));
    SmtpOptions dead;
    dead.url = "smtp://127.0.0.1:1";
    const auto mailer = make_smtp_mailer(dead);
    EXPECT_FALSE(await(mailer->is_up()));
    EXPECT_THROW((void)await(mailer->send({address_, "s", "t"})), Unavailable);
}

TEST(SmtpOptionsCheck, NamesWhatCannotWorkAndQuotesNoPassword) {
    const auto fault_of = [](const std::string& url, bool is_tls_required = true) -> std::string {
        SmtpOptions options;
        options.url = url;
        options.is_tls_required = is_tls_required;
        try {
            check_smtp(options);
        } catch (const std::invalid_argument& fault) {
            EXPECT_EQ(std::string(fault.what()).find("hunter2"), std::string::npos);
            return fault.what();
        }
        return "";
    };
    EXPECT_EQ(fault_of("smtp://mail.example.org"), "");
    EXPECT_EQ(fault_of("smtps://user:hunter2@mail.example.org:465"), "");
    EXPECT_EQ(fault_of("smtp://[::1]:25", false), "");
    EXPECT_NE(fault_of("http://mail.example.org"), "");
    EXPECT_NE(fault_of("mail.example.org:25"), "");
    EXPECT_NE(fault_of("smtp://"), "");
    EXPECT_NE(fault_of("smtp://user:hunter2@mail.example.org/path"), "");
    EXPECT_NE(fault_of("smtp://user:hunter2@mail.example.org", false), "") << "a password in the clear";
}

}  // namespace
}  // namespace guildhall::mail
