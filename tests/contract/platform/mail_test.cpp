#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/base/text.hpp"
#include "platform/mail/mailer.hpp"
#include "support/await.hpp"

namespace guildhall::mail {
namespace {

using test::await;
using testing::HasSubstr;
using testing::Not;

class FileMailer : public testing::Test {
protected:
    ~FileMailer() override { std::filesystem::remove_all(folder_); }

    // The messages, by name.
    std::vector<std::string> messages() const {
        std::vector<std::filesystem::path> files(std::filesystem::directory_iterator(folder_), {});
        std::ranges::sort(files);
        std::vector<std::string> texts;
        for (const auto& file : files) {
            EXPECT_EQ(file.extension(), ".eml");
            std::ifstream in(file, std::ios::binary);
            texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        }
        return texts;
    }

    const std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("mail-" + hex(random_bytes(8)));
    std::unique_ptr<Mailer> mailer_ = make_file_mailer(folder_, "Guildhall <no-reply@guildhall.invalid>");
};

TEST_F(FileMailer, WritesOneFileForEachMessageInOrder) {
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(await(mailer_->send({"zofie@example.org", "Welcome", "Number " + std::to_string(i)})));
    const auto all = messages();
    ASSERT_EQ(all.size(), 20U);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_THAT(all[i], HasSubstr("\r\n\r\nNumber " + std::to_string(i) + "\r\n"));
    EXPECT_THAT(all[0], HasSubstr("\r\nTo: zofie@example.org\r\nSubject: Welcome\r\n"));
}

TEST_F(FileMailer, KeepsLinesAsTheyAre) {
    ASSERT_TRUE(await(mailer_->send({"a@example.org", "s", "Hello Zofie\n\nCode: AB12CD34\nBye\n"})));
    EXPECT_THAT(messages().at(0), HasSubstr("7bit\r\n\r\nHello Zofie\r\n\r\nCode: AB12CD34\r\nBye\r\n"));
}

// Not every server takes what is not ASCII.
TEST_F(FileMailer, EncodesTextThatIsNotAscii) {
    ASSERT_TRUE(await(mailer_->send({"a@example.org", "s", "Žofie"})));
    EXPECT_THAT(messages().at(0), HasSubstr("base64\r\n\r\nxb1vZmllDQo=\r\n"));
}

TEST_F(FileMailer, NamesItsSenderAndThatNobodyWroteIt) {
    ASSERT_TRUE(await(mailer_->send({"a@example.org", "s", "t"})));
    EXPECT_THAT(messages().at(0), HasSubstr("\r\nFrom: Guildhall <no-reply@guildhall.invalid>\r\n"));
    EXPECT_THAT(messages().at(0), HasSubstr("@guildhall.invalid>\r\n"));
    EXPECT_THAT(messages().at(0), HasSubstr("\r\nAuto-Submitted: auto-generated\r\n"));
}

TEST_F(FileMailer, LetsNoHeaderIn) {
    ASSERT_TRUE(await(mailer_->send({"a@example.org\r\nBcc: all@example.org", "Hi\r\nX-Evil: 1", "text"})));
    EXPECT_THAT(messages().at(0), Not(HasSubstr("\nBcc:")));
    EXPECT_THAT(messages().at(0), Not(HasSubstr("\nX-Evil:")));
}

TEST_F(FileMailer, EncodesSubjectsThatAreNotAsciiInWordsOfAtMost75) {
    std::string subject;
    for (int i = 0; i < 30; ++i) subject += "Žluťoučký ";
    ASSERT_TRUE(await(mailer_->send({"a@example.org", subject, "text"})));
    const std::string text = messages().at(0);
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    for (std::size_t at = text.find("=?"); at != std::string::npos; at = text.find("=?", at + 2)) {
        const std::size_t end = text.find("?=", at + 10);
        EXPECT_LE(end + 2 - at, 75U);
        const std::size_t start = at + std::string_view("=?utf-8?B?").size();
        std::string word = text.substr(start, end - start);
        std::ranges::replace(word, '+', '-');
        std::ranges::replace(word, '/', '_');
        std::erase(word, '=');
        const auto bytes = from_base64url(word);
        ASSERT_TRUE(bytes);
        EXPECT_TRUE(is_utf8(*bytes));
        at = end;
    }
}

TEST_F(FileMailer, SaysThatItCannotWrite) {
    std::filesystem::remove_all(folder_);
    EXPECT_THROW((void)await(mailer_->send({"a@example.org", "s", "t"})), Unavailable);
}

}  // namespace
}  // namespace guildhall::mail
