#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "platform/async/pool.hpp"
#include "platform/base/clock.hpp"
#include "platform/base/result.hpp"
#include "platform/base/text.hpp"
#include "platform/mail/eml.hpp"
#include "platform/mail/mailer.hpp"

namespace guildhall::mail {
namespace {

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
    FileMailer(std::filesystem::path folder, std::string from) : folder_(std::move(folder)), from_(std::move(from)) {
        std::error_code failure;
        std::filesystem::create_directories(folder_, failure);
        if (failure) throw Unavailable("cannot create " + folder_.string() + ": " + failure.message());
    }

    Task<Result<void>> send(Message message) override {
        auto write = [this, &message] { store(message); };
        co_await run_on(writer_, std::move(write));
        co_return Result<void>{};
    }
    Task<bool> is_up() override { co_return true; }

private:
    void store(const Message& message) {
        const Time now = SystemClock().now();
        // Microseconds, then a counter, then a mark of this process, because other processes may write here, too.
        const std::string id = fmt::format("{:016}-{:06}-{}", to_micros(now), ++count_, mark_);
        const std::filesystem::path hidden = folder_ / ("." + id + ".tmp");
        try {
            const File file(hidden, O_WRONLY | O_CREAT | O_EXCL);
            file.write(to_eml(message, from_, now, id));
            file.sync();
            if (::rename(hidden.c_str(), (folder_ / (id + ".eml")).c_str()) != 0) fail(hidden);
        } catch (...) {
            ::unlink(hidden.c_str());
            throw;
        }
        File(folder_, O_RDONLY | O_DIRECTORY).sync();
    }

    const std::filesystem::path folder_;
    const std::string from_;
    const std::string mark_ = hex(random_bytes(4));
    std::uint64_t count_ = 0;  // for the writer's thread only
    Pool writer_{"mail", 1, 1024};
};

}  // namespace

std::unique_ptr<Mailer> make_file_mailer(std::filesystem::path folder, std::string from) {
    return std::make_unique<FileMailer>(std::move(folder), std::move(from));
}

}  // namespace guildhall::mail
