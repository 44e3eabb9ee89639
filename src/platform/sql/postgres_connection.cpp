#include "platform/sql/postgres_connection.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/socket.h>

#include "platform/base/text.hpp"
#include "platform/sql/dialect.hpp"
#include "platform/sql/parked.hpp"
#include "platform/sql/postgres_values.hpp"
#include "platform/sql/statement_timer.hpp"

namespace guildhall::sql {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t kMostSlowNames = 4;  // in a line of the slow log

std::chrono::milliseconds left_until(Watched::Clock::time_point end) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - Watched::Clock::now());
}

using Addresses = std::vector<asio::ip::address>;

/// A coroutine that waits for the resolver or its deadline. It is owned by the handlers of both, so that it is
/// destroyed with the io_context.
struct LookUp {
    LookUp(asio::io_context& io, std::chrono::milliseconds deadline, Addresses* result)
        : resolver(io), timer(io, deadline), found(result) {}
    asio::ip::tcp::resolver resolver;
    asio::steady_timer timer;
    Parked parked;
    std::mutex mutex;
    Addresses* found;  // in the coroutine; null once it has been resumed

    /// Call with the mutex locked.
    void settle(const std::shared_ptr<LookUp>& self) {
        found = nullptr;
        asio::post(parked.executor, [self] { self->parked.resume(); });
    }
};

/// The addresses of `host`; none when it is unknown, or not known in time. The system's resolver cannot be interrupted:
/// its thread continues, and the answer is dropped.
Task<Addresses> look_up(asio::io_context& io, const std::string& host, std::chrono::milliseconds deadline) {
    Addresses found;
    Parked parked;
    const auto start = [&] {
        auto look_up = std::make_shared<LookUp>(io, deadline, &found);
        look_up->parked.executor = parked.executor;
        look_up->parked.handler.emplace(std::move(*parked.handler));
        look_up->timer.async_wait([look_up](boost::system::error_code error) {
            const std::lock_guard lock(look_up->mutex);
            if (error || !look_up->found) return;
            look_up->resolver.cancel();  // if it has not begun
            look_up->settle(look_up);
        });
        look_up->resolver.async_resolve(host, "", [look_up](boost::system::error_code, const auto& entries) {
            const std::lock_guard lock(look_up->mutex);
            if (!look_up->found) return;
            for (const auto& entry : entries) look_up->found->push_back(entry.endpoint().address());
            look_up->timer.cancel();
            look_up->settle(look_up);
        });
    };
    co_await park(parked, start);
    co_return found;
}

/// The server sent nothing while connecting.
class NoAnswer : public ConnectionLost {
public:
    using ConnectionLost::ConnectionLost;
};

/// Skips hosts that do not offer the wanted kind of session. With "prefer-standby", all are asked for a standby first.
std::vector<std::string> session_kinds(const PostgresSettings::Parameters& parameters) {
    auto kind = find_parameter(parameters, "target_session_attrs");
    if (kind == "prefer-standby") return {"standby", "any"};
    return {std::move(kind)};
}

/// Ends the waits on a descriptor after a time. The state is shared, because the timer's handler may run after the
/// coroutine has ended.
class ConnectTimer {
public:
    ConnectTimer(Descriptor& socket, std::chrono::milliseconds deadline)
        : timer_(socket.get_executor(), deadline), state_(std::make_shared<State>()) {
        state_->socket = &socket;
        timer_.async_wait([state = state_](boost::system::error_code error) {
            const std::lock_guard lock(state->mutex);
            if (error || !state->socket) return;
            state->expired = true;
            state->socket->cancel(error);
        });
    }
    ~ConnectTimer() {
        const std::lock_guard lock(state_->mutex);
        state_->socket = nullptr;
    }
    bool expired() const {
        const std::lock_guard lock(state_->mutex);
        return state_->expired;
    }

private:
    struct State {
        std::mutex mutex;
        Descriptor* socket = nullptr;
        bool expired = false;
    };
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                               asio::io_context::executor_type>
        timer_;
    std::shared_ptr<State> state_;
};

}  // namespace

Task<std::unique_ptr<PostgresConnection>> PostgresConnection::connect(asio::io_context& io,
                                                                      const PostgresSettings& settings,
                                                                      ConnectLimits limits) {
    const auto left = [&limits] { return std::min(limits.host, left_until(limits.end)); };
    const auto& hosts = settings.hosts();
    const auto first = settings.preferred();
    std::string reason;
    const auto note = [&reason](const std::string& fault) { reason += (reason.empty() ? "" : "; ") + fault; };
    for (const auto& kind : session_kinds(settings.parameters())) {
        for (std::size_t i = 0; i < hosts.size() && left() > std::chrono::milliseconds::zero(); ++i) {
            const auto place = (first + i) % hosts.size();
            const auto& host = hosts[place];
            std::vector<std::string> addresses{host.address};
            if (host.is_name) {
                addresses.clear();
                for (const auto& address : co_await look_up(io, host.name, left()))
                    addresses.push_back(address.to_string());
                if (addresses.empty()) note("PostgreSQL: " + host.name + " is unknown, or the resolver silent");
            }
            for (const auto& address : addresses) {
                auto connection = std::make_unique<PostgresConnection>(io);
                auto server = settings.parameters();
                if (!host.name.empty()) set_parameter(server, "host", host.name);
                if (!address.empty()) set_parameter(server, "hostaddr", address);
                if (!host.port.empty()) set_parameter(server, "port", host.port);
                if (!kind.empty()) set_parameter(server, "target_session_attrs", kind);
                try {
                    co_await connection->open(std::move(server), left());
                    settings.prefer(place);
                    co_return connection;
                } catch (const ConnectionLost& failure) {
                    note(failure.what());
                }
            }
        }
    }
    throw ConnectionLost(reason.empty() ? "PostgreSQL: not connected in time" : reason);
}

Task<bool> PostgresConnection::answers(asio::io_context& io, PostgresSettings::Parameters server,
                                       std::chrono::milliseconds deadline) {
    PostgresConnection connection(io);
    set_parameter(server, "target_session_attrs", "any");
    try {
        co_await connection.open(std::move(server), deadline);
    } catch (const NoAnswer&) {
        co_return false;
    } catch (const ConnectionLost&) {
        co_return true;
    }
    co_return true;
}

PostgresConnection::~PostgresConnection() {
    if (socket_.is_open()) socket_.release();
    PQfinish(pg_);
}

Task<void> PostgresConnection::open(PostgresSettings::Parameters server, std::chrono::milliseconds deadline) {
    watched_.server = std::move(server);
    std::vector<const char*> names, values;
    for (const auto& [name, value] : watched_.server) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    pg_ = PQconnectStartParams(names.data(), values.data(), 0);
    if (!pg_ || PQstatus(pg_) == CONNECTION_BAD) lose("cannot connect");
    PQsetNoticeProcessor(pg_, [](void*, const char*) {}, nullptr);

    const ConnectTimer timer(socket_, deadline);
    auto polled = PGRES_POLLING_WRITING;
    while (polled != PGRES_POLLING_OK) {
        // libpq closes one socket and opens another when it tries the next host.
        socket_.assign(PQsocket(pg_));
        const auto direction = polled == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write;
        boost::system::error_code error;
        co_await socket_.async_wait(direction, asio::redirect_error(asio::use_awaitable, error));
        socket_.release();
        if (timer.expired()) throw NoAnswer("PostgreSQL: " + host_of(watched_.server) + " does not answer");
        if (error) lose("connecting was given up");
        polled = PQconnectPoll(pg_);
        if (polled == PGRES_POLLING_FAILED) lose("cannot connect");
    }
    socket_.assign(PQsocket(pg_));
    watched_.socket = PQsocket(pg_);
    if (PQsetnonblocking(pg_, 1) != 0 || PQenterPipelineMode(pg_) != 1) lose("no pipeline mode");
}

void PostgresConnection::send(const Statement& statement, const Params& params, Rows* rows) {
    if (lost_) lose("the connection is lost");
    auto& prepared = prepare(statement, params);
    const PostgresValues values(params);
    const int sent = PQsendQueryPrepared(pg_, prepared.name.c_str(), values.size(), values.pointers(), values.lengths(),
                                         values.formats(), 1);
    if (sent != 1) lose(statement.name);
    pending_.push_back({Pending::Kind::statement, &prepared, rows});
}

PostgresConnection::Prepared& PostgresConnection::prepare(const Statement& statement, const Params& params) {
    auto& slot = statements_[Key{statement.text, types_of(params)}];
    if (!slot) {
        slot = std::make_unique<Prepared>();
        const auto text = std::string_view(statement.text);
        const auto number = stable_hash(text) ^ types_of(params);
        // PostgreSQL truncates names to 63 bytes.
        slot->name = hex({reinterpret_cast<const char*>(&number), sizeof number}) + '_' +
                     std::string(std::string_view(statement.name).substr(0, 44));
        slot->statement = statement.name;
        slot->duration = &statement_histogram("postgres", statement.name);
    }
    if (slot->state != Prepared::State::absent) return *slot;

    const auto types = oids_of(params);
    const auto text = dialect::to_postgres(statement.text);
    if (PQsendPrepare(pg_, slot->name.c_str(), text.c_str(), static_cast<int>(types.size()), types.data()) != 1) {
        lose(statement.name);
    }
    slot->state = Prepared::State::sent;
    pending_.push_back({Pending::Kind::prepare, slot.get(), nullptr});
    return *slot;
}

Task<void> PostgresConnection::finish() {
    if (lost_) lose("the connection is lost");
    sent_at_ = std::chrono::steady_clock::now();
    pending_.push_back({Pending::Kind::sync, nullptr, nullptr});
    if (PQpipelineSync(pg_) != 1) lose("cannot send");
    for (;;) {
        const int unsent = PQflush(pg_);
        if (unsent < 0) lose("cannot send");
        boost::system::error_code error;
        if (unsent == 0) {
            co_await socket_.async_wait(Descriptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
        } else {
            // The server may read on only after its answers were read.
            using namespace asio::experimental::awaitable_operators;
            boost::system::error_code other;
            co_await (socket_.async_wait(Descriptor::wait_read, asio::redirect_error(asio::use_awaitable, error)) ||
                      socket_.async_wait(Descriptor::wait_write, asio::redirect_error(asio::use_awaitable, other)));
            if (!other) error = {};
        }
        if (error) lose("waiting was given up");
        if (PQconsumeInput(pg_) != 1) lose("connection lost");
        if (take_answers()) break;
    }
    watched_.deadline.store(Watched::kIdle);
    watched_.since.store(Watched::kIdle);
    if (PQstatus(pg_) != CONNECTION_OK || failure_.kind == PostgresFailure::Kind::lost) lost_ = true;
    if (!failure_) co_return;
    const auto failure = std::exchange(failure_, {});
    failure.raise();
}

bool PostgresConnection::take_answers() {
    while (answered_ < pending_.size()) {
        if (PQisBusy(pg_) != 0) return false;
        const auto& pending = pending_[answered_];
        PGresult* result = PQgetResult(pg_);
        if (!result) {  // the end of one statement's answers
            if (pending.kind == Pending::Kind::sync) lose("answers out of step");
            ++answered_;
            continue;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            ++answered_;
        } else {
            take_answer(result, pending);
        }
        PQclear(result);
        if (PQstatus(pg_) != CONNECTION_OK) {
            if (failure_) break;
            lose("connection lost");
        }
    }
    observe_round_trip();
    pending_.clear();
    answered_ = 0;
    return true;
}

/// The server answers at the end of a pipeline, so only the total duration is known: it counts for each statement and
/// is logged once.
void PostgresConnection::observe_round_trip() {
    const auto duration = std::chrono::steady_clock::now() - sent_at_;
    std::string names;
    std::size_t count = 0;
    for (const Pending& pending : pending_) {
        if (pending.kind != Pending::Kind::statement) continue;
        pending.prepared->duration->observe(duration);
        if (duration < kSlowStatement || ++count > kMostSlowNames) continue;
        if (!names.empty()) names += ", ";
        names += pending.prepared->statement;
    }
    if (count > kMostSlowNames) names += " and " + std::to_string(count - kMostSlowNames) + " more";
    if (count > 0) log_slow(names, duration);
}

void PostgresConnection::take_answer(const PGresult* result, const Pending& pending) {
    const auto status = PQresultStatus(result);
    const bool done = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    const char* name = pending.prepared ? pending.prepared->statement : "sync";
    if (pending.kind == Pending::Kind::prepare) {
        pending.prepared->state = done ? Prepared::State::ready : Prepared::State::absent;
    }
    if (status == PGRES_FATAL_ERROR && !failure_) failure_ = failure_of(result, name);
    if (!done || pending.kind != Pending::Kind::statement) return;

    if (status == PGRES_COMMAND_OK) {
        command_ = PQcmdStatus(const_cast<PGresult*>(result));
    } else if (pending.rows && !read_rows(result, *pending.rows) && !failure_) {
        failure_ = {PostgresFailure::Kind::corrupt, std::string(name) + ": a column is neither bigint nor text"};
    }
}

bool PostgresConnection::is_clean() const {
    return !lost_ && !watched_.expired.load() && pending_.empty() && PQtransactionStatus(pg_) == PQTRANS_IDLE;
}

bool PostgresConnection::has_news() const {
    char byte = 0;
    return ::recv(PQsocket(pg_), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void PostgresConnection::lose(const std::string& why) {
    lost_ = true;
    if (watched_.expired.load()) throw ConnectionLost("PostgreSQL: no answer in time");
    // The server's last message ("terminating connection due to administrator command") is the better reason.
    if (failure_) throw ConnectionLost(failure_.message);
    throw ConnectionLost("PostgreSQL: " + why + (pg_ ? ": " + std::string(PQerrorMessage(pg_)) : std::string()));
}

}  // namespace guildhall::sql
