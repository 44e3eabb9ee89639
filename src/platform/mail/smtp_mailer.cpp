#include "platform/mail/smtp_mailer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "platform/async/pool.hpp"
#include "platform/base/clock.hpp"
#include "platform/base/text.hpp"
#include "platform/mail/eml.hpp"

namespace guildhall::mail {
namespace {

using std::chrono::steady_clock;

// A server that was reached within this time counts as available without being asked.
constexpr std::chrono::seconds kFresh{30};
// Connecting and TLS. One that is up answers at once.
constexpr std::chrono::seconds kConnectDeadline{10};
// Bounded by what the post office has under way, which waits for each; the rest is for /readyz.
constexpr std::size_t kMaxWaiting = 64;

/// A part of the URL; empty when it is absent.
std::string part_of(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
    std::string out(text);
    curl_free(text);
    return out;
}

struct Url {
    explicit Url(const std::string& text) : handle(curl_url()) {
        if (curl_url_set(handle, CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
            curl_url_cleanup(handle);
            throw std::invalid_argument("must be smtp://[user:password@]host[:port], or smtps://");
        }
    }
    ~Url() { curl_url_cleanup(handle); }
    Url(const Url&) = delete;
    Url& operator=(const Url&) = delete;
    CURLU* handle;
};

/// The URL with its port written out.
std::string complete(const std::string& text) {
    const Url url(text);
    if (part_of(url.handle, CURLUPART_PORT).empty()) {
        const bool is_smtps = part_of(url.handle, CURLUPART_SCHEME) == "smtps";
        curl_url_set(url.handle, CURLUPART_PORT, is_smtps ? "465" : "587", 0);
    }
    return part_of(url.handle, CURLUPART_URL);
}

std::size_t read_text(char* out, std::size_t size, std::size_t count, void* from) {
    auto& rest = *static_cast<std::string_view*>(from);
    const std::size_t some = std::min(size * count, rest.size());
    std::memcpy(out, rest.data(), some);
    rest.remove_prefix(some);
    return some;
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

// Called every second or more often; anything but 0 ends the conversation.
int is_to_end(void* is_stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(is_stopping)->load() ? 1 : 0;
}

class SmtpMailer final : public Mailer {
public:
    explicit SmtpMailer(SmtpOptions options)
        : options_(std::move(options)), url_(complete(options_.url)), sender_(address_of(options_.from)) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Unavailable("libcurl cannot be used");
    }
    ~SmtpMailer() override {
        is_stopping_ = true;
        pool_.reset();
        curl_global_cleanup();
    }

    Task<Result<void>> send(Message message) override {
        auto work = [this, &message] { return transfer(message); };
        co_return co_await run_on(*pool_, std::move(work));
    }

    Task<bool> is_up() override {
        if (!is_fresh() && !is_asking_.exchange(true)) {
            auto work = [this] { ask(); };
            co_await run_on(*pool_, std::move(work));
        }
        co_return is_reached_;
    }

    void stop() override { is_stopping_ = true; }

private:
    /// One conversation with the server, on the pool's thread.
    class Conversation {
    public:
        explicit Conversation(const SmtpMailer& mailer) : easy_(curl_easy_init()) {
            if (easy_ == nullptr) throw Unavailable("libcurl cannot be used");
            const SmtpOptions& options = mailer.options_;
            set(CURLOPT_URL, mailer.url_.c_str());
            set(CURLOPT_ERRORBUFFER, error_.data());
            set(CURLOPT_NOSIGNAL, 1L);
            set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
            set(CURLOPT_PROXY, "");  // else that of the environment
            set(CURLOPT_USE_SSL, static_cast<long>(options.is_tls_required ? CURLUSESSL_ALL : CURLUSESSL_NONE));
            if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
            const auto connect = std::min<std::chrono::milliseconds>(kConnectDeadline, options.deadline);
            set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
            set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::chrono::milliseconds(options.deadline).count()));
            set(CURLOPT_WRITEFUNCTION, &ignore);
            set(CURLOPT_NOPROGRESS, 0L);
            set(CURLOPT_XFERINFOFUNCTION, &is_to_end);
            set(CURLOPT_XFERINFODATA, &mailer.is_stopping_);
        }
        ~Conversation() {
            curl_easy_cleanup(easy_);
            curl_slist_free_all(recipients_);
        }
        Conversation(const Conversation&) = delete;
        Conversation& operator=(const Conversation&) = delete;

        template <class Value>
        void set(CURLoption option, Value value) {
            if (curl_easy_setopt(easy_, option, value) != CURLE_OK) throw Unavailable("libcurl refuses an option");
        }
        void set_recipient(const std::string& address) {
            recipients_ = curl_slist_append(nullptr, ("<" + address + ">").c_str());
            set(CURLOPT_MAIL_RCPT, recipients_);
        }
        CURLcode perform() { return curl_easy_perform(easy_); }
        /// The last reply of the server; 0 when there was none.
        long reply() const {
            long code = 0;
            curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
            return code;
        }
        /// What went wrong, for the log and the operator.
        std::string reason(CURLcode failure) const {
            return error_[0] == '\0' ? curl_easy_strerror(failure) : error_.data();
        }

    private:
        CURL* easy_;
        curl_slist* recipients_ = nullptr;
        std::array<char, CURL_ERROR_SIZE> error_{};
    };

    Result<void> transfer(const Message& message) {
        const Time now = SystemClock().now();
        const std::string text = to_eml(message, options_.from, now, hex(random_bytes(16)));
        std::string_view rest = text;
        const std::string sender = "<" + sender_ + ">";
        Conversation conversation(*this);
        conversation.set(CURLOPT_MAIL_FROM, sender.c_str());
        conversation.set_recipient(address_of(message.to));
        conversation.set(CURLOPT_UPLOAD, 1L);
        conversation.set(CURLOPT_READFUNCTION, &read_text);
        conversation.set(CURLOPT_READDATA, &rest);
        const CURLcode failure = conversation.perform();
        const long reply = conversation.reply();
        const std::string reason = conversation.reason(failure);
        // What is refused before the recipient is this client or its sender, and 421 is always about the server (RFC
        // 5321 §4.2.3): no message must be given up for these. libcurl names the command that was refused.
        const bool is_of_message =
            reason.starts_with("RCPT failed") || reason.starts_with("DATA failed") || rest != text;
        const bool is_answered = is_of_message && reply >= 400 && reply != 421 && failure != CURLE_OPERATION_TIMEDOUT;
        note(failure == CURLE_OK || is_answered);
        if (failure == CURLE_OK) return {};
        if (!is_answered) throw Unavailable("the mail server: " + reason);
        return Error{reply < 500 ? Code::unavailable : Code::unprocessable,
                     fmt::format("the mail server answered {}: {}", reply, reason)};
    }

    void ask() {
        bool is_there = false;
        try {
            Conversation conversation(*this);
            conversation.set(CURLOPT_CUSTOMREQUEST, "NOOP");
            is_there = conversation.perform() == CURLE_OK;
        } catch (const Unavailable&) {
            is_there = false;
        }
        note(is_there);
        is_asking_ = false;
    }

    void note(bool is_there) {
        is_reached_ = is_there;
        noted_at_ = steady_clock::now().time_since_epoch().count();
    }
    bool is_fresh() const {
        const steady_clock::time_point noted{steady_clock::duration(noted_at_.load())};
        return is_reached_ && steady_clock::now() - noted < kFresh;
    }

    const SmtpOptions options_;
    const std::string url_;
    const std::string sender_;
    std::atomic<bool> is_reached_{false};
    std::atomic<bool> is_asking_{false};
    std::atomic<steady_clock::rep> noted_at_{0};
    std::atomic<bool> is_stopping_{false};
    std::unique_ptr<Pool> pool_ = std::make_unique<Pool>("mail", 1, kMaxWaiting);
};

}  // namespace

void check_smtp(const SmtpOptions& options) {
    const Url url(options.url);
    const std::string scheme = part_of(url.handle, CURLUPART_SCHEME);
    const std::string path = part_of(url.handle, CURLUPART_PATH);
    if ((scheme != "smtp" && scheme != "smtps") || (!path.empty() && path != "/"))
        throw std::invalid_argument("must be smtp://[user:password@]host[:port], or smtps://");
    const bool has_password = !part_of(url.handle, CURLUPART_PASSWORD).empty();
    if (has_password && scheme == "smtp" && !options.is_tls_required)
        throw std::invalid_argument("would send its password in the clear with mail.tls = false");
}

std::unique_ptr<Mailer> make_smtp_mailer(SmtpOptions options) {
    return std::make_unique<SmtpMailer>(std::move(options));
}

}  // namespace guildhall::mail
