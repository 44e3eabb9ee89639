#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "platform/async/pool.hpp"
#include "platform/base/base64.hpp"
#include "platform/base/clock.hpp"
#include "platform/base/result.hpp"
#include "platform/base/text.hpp"
#include "platform/mail/mailer.hpp"

namespace guildhall::mail {
namespace {

constexpr std::size_t kMaxLine = 998;  // RFC 5322 §2.1.1
constexpr std::size_t kMaxEncodedWordBytes =
    42;  // 56 characters of base64 in an encoded word of at most 75 (RFC 2047 §2)

// The value of a header: it contains no line ends, and text that is not ASCII becomes encoded words.
std::string header_text(std::string_view text) {
    const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
    if (is_plain && text.size() < 900 && !text.contains("=?")) return std::string(text);
    std::string out;
    while (!text.empty()) {
        std::size_t end = std::min(text.size(), kMaxEncodedWordBytes);
        while (end < text.size() && end > 1 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        if (!out.empty()) out += "\r\n ";
        out += "=?utf-8?B?" + base64(text.substr(0, end)) + "?=";
        text.remove_prefix(end);
    }
    return out;
}

std::string address_text(std::string address) {
    std::erase_if(address, [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7F; });
    return address;
}

// Converts line ends to CRLF. True when a line is too long to be sent unencoded.
std::pair<std::string, bool> body_text(std::string_view text) {
    std::string out;
    bool is_long = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        is_long |= line.size() > kMaxLine;
        out += line;
        out += "\r\n";
    }
    return {std::move(out), is_long};
}

// "Sun, 22 Nov 2026 16:21:00 +0000" (RFC 5322 §3.3).
std::string date_text(Time now) {
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::string rfc3339 = to_rfc3339(now);
    return fmt::format("{}, {} {} {} {} +0000", kDays[std::chrono::weekday(day).c_encoding()], rfc3339.substr(8, 2),
                       kMonths[static_cast<unsigned>(date.month()) - 1], rfc3339.substr(0, 4), rfc3339.substr(11, 8));
}

std::string to_eml(const Message& message, Time now, std::string_view id) {
    auto [body, is_long] = body_text(message.text);
    if (is_long) {
        const std::string encoded = base64(body);
        body.clear();
        for (std::size_t at = 0; at < encoded.size(); at += 76) body += encoded.substr(at, 76) + "\r\n";
    }
    return fmt::format(
        "Date: {}\r\n"
        "From: Guildhall <no-reply@guildhall.invalid>\r\n"
        "To: {}\r\n"
        "Subject: {}\r\n"
        "Message-ID: <{}@guildhall.invalid>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: {}\r\n"
        "\r\n"
        "{}",
        date_text(now), address_text(message.to), header_text(message.subject), id, is_long ? "base64" : "8bit", body);
}

[[noreturn]] void fail(const std::filesystem::path& path) {
    const int error = errno;
    throw Unavailable("cannot write " + path.string() + ": " + std::strerror(error),
                      error == ENOSPC || error == EDQUOT ? Code::insufficient_storage : Code::unavailable);
}

class File {
public:
    File(const std::filesystem::path& path, int flags)
        : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
        if (descriptor_ < 0) fail(path_);
    }
    ~File() { ::close(descriptor_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    void write(std::string_view text) const {
        while (!text.empty()) {
            const ssize_t written = ::write(descriptor_, text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail(path_);
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    void sync() const {
        if (::fsync(descriptor_) != 0) fail(path_);
    }

private:
    const std::filesystem::path path_;
    const int descriptor_;
};

class FileMailer final : public Mailer {
public:
    explicit FileMailer(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::error_code failure;
        std::filesystem::create_directories(folder_, failure);
        if (failure) throw Unavailable("cannot create " + folder_.string() + ": " + failure.message());
    }

    Task<void> send(Message message) override {
        auto write = [this, &message] { store(message); };
        co_await run_on(writer_, std::move(write));
    }

private:
    void store(const Message& message) {
        const Time now = SystemClock().now();
        // Microseconds, then a counter, then a mark of this process, because other processes may write here, too.
        const std::string id = fmt::format("{:016}-{:06}-{}", to_micros(now), ++count_, mark_);
        const std::filesystem::path hidden = folder_ / ("." + id + ".tmp");
        try {
            const File file(hidden, O_WRONLY | O_CREAT | O_EXCL);
            file.write(to_eml(message, now, id));
            file.sync();
            if (::rename(hidden.c_str(), (folder_ / (id + ".eml")).c_str()) != 0) fail(hidden);
        } catch (...) {
            ::unlink(hidden.c_str());
            throw;
        }
        File(folder_, O_RDONLY | O_DIRECTORY).sync();
    }

    const std::filesystem::path folder_;
    const std::string mark_ = hex(random_bytes(4));
    std::uint64_t count_ = 0;  // for the writer's thread only
    Pool writer_{"mail", 1, 1024};
};

}  // namespace

std::unique_ptr<Mailer> make_file_mailer(std::filesystem::path folder) {
    return std::make_unique<FileMailer>(std::move(folder));
}

}  // namespace guildhall::mail
