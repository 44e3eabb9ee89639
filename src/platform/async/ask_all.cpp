#include "platform/async/ask_all.hpp"

#include <memory>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace guildhall {
namespace {

/// Shared, because some answer after ask_all() has returned.
struct Asked {
    Asked(const boost::asio::any_io_executor& executor, std::size_t questions, std::size_t yes_wanted,
          std::chrono::milliseconds limit)
        : end(executor, limit), answers(questions, false), enough(yes_wanted), unanswered(questions) {}
    bool is_over() const { return unanswered == 0 || yes >= enough; }

    boost::asio::steady_timer end;
    std::vector<bool> answers;
    const std::size_t enough;
    std::size_t yes = 0;
    std::size_t unanswered;
};

/// Counts a question as answered when destroyed, also when it has failed.
class Counted {
public:
    explicit Counted(Asked& asked) : asked_(asked) {}
    ~Counted() {
        --asked_.unanswered;
        if (asked_.is_over()) asked_.end.cancel();
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    Asked& asked_;
};

Task<void> ask(std::shared_ptr<Asked> asked, std::size_t place, Task<bool> answer) {
    const Counted counted(*asked);
    const bool is_yes = co_await std::move(answer);
    asked->answers[place] = is_yes;
    if (is_yes) ++asked->yes;
}

}  // namespace

Task<std::vector<bool>> ask_all(TaskGroup& group, std::vector<Question> questions, std::size_t enough,
                                std::chrono::milliseconds limit) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto asked = std::make_shared<Asked>(executor, questions.size(), enough, limit);
    for (std::size_t i = 0; i < questions.size(); ++i)
        group.spawn(executor, std::move(questions[i].name), ask(asked, i, std::move(questions[i].answer)));
    boost::system::error_code cancelled;
    if (!asked->is_over())
        co_await asked->end.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    co_return asked->answers;
}

}  // namespace guildhall
