#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "platform/async/task_group.hpp"
#include "platform/base/text.hpp"
#include "platform/http/server.hpp"

namespace guildhall::http::testing {

/// Nothing is revoked, but what a test says.
class RevokedSessions final : public Revocations {
public:
    bool is_revoked(const AccessClaims& claims) const override { return claims.session == revoked; }
    SessionId revoked;
};

/// A thing with constraints, to see how requests become structs.
struct Greeting {
    json::Text<1, 10> text;
    std::optional<bool> loud;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (text, loud))

struct Greeted {
    UserId id;
    std::string text;
    std::int64_t version = 7;
};
BOOST_DESCRIBE_STRUCT(Greeted, (), (id, text, version))

/// A small service, as the real ones are written.
class GreetingService {
public:
    /// Reading greeting 30 waits for it.
    std::atomic<bool> is_released{false};

    Task<Result<Greeted>> read(Visitor, UserId id) {
        if (id.value == 404) co_return Error{Code::not_found, "no such greeting"};
        if (id.value == 500) throw std::runtime_error("secret cause");
        if (id.value == 503) throw Unavailable("database away");
        while (id.value == 30 && !is_released) co_await sleep_for(std::chrono::milliseconds(5));
        co_return Greeted{id, "hello", 7};
    }
    Task<Result<Created<Greeted>>> create(Caller caller, Greeting greeting) {
        co_return Created<Greeted>{{caller.id, greeting.text.value, 1}, "/v1/greetings/1"};
    }
    Task<Result<Greeted>> change(Caller caller, UserId id, Greeting greeting) {
        if (auto same = check_if_match(*caller.request, 7); !same) co_return same.error();
        co_return Greeted{id, greeting.text.value, 8};
    }
    Task<Result<Greeted>> echo(Visitor visitor, Greeting greeting) {
        co_return Greeted{visitor.id, greeting.text.value, 0};
    }
    Task<Result<void>> remove(Caller, UserId) { co_return Result<void>{}; }
    Task<Result<Page<Greeted>>> list(Visitor, json::PageQuery query) {
        Page<Greeted> page;
        for (int i = 1; i <= query.limit.value; ++i) page.items.push_back({UserId{i}, "hello hello hello hello", 1});
        page.next_cursor = "bmV4dA";
        co_return page;
    }

    void add_routes(Router& router) {
        router.get("/v1/greetings", this, &GreetingService::list).anyone().summary("List");
        router.post("/v1/greetings", this, &GreetingService::create).signed_in().summary("Create");
        router.post("/v1/echoes", this, &GreetingService::echo).anyone().summary("Echo");
        router.get("/v1/probes/{greeting_id}", this, &GreetingService::read).anyone().unlimited().summary("Probe");
        router.get("/v1/greetings/{greeting_id}", this, &GreetingService::read).anyone().etag().summary("Read");
        router.patch("/v1/greetings/{greeting_id}", this, &GreetingService::change)
            .signed_in()
            .if_match()
            .summary("Change");
        router.remove("/v1/greetings/{greeting_id}", this, &GreetingService::remove).signed_in().summary("Delete");
    }
};

/// An answer taken apart.
struct Answer {
    int status = 0;
    std::string head;
    std::string body;
    std::string header(std::string_view name) const {
        const auto at = head.find("\r\n" + std::string(name) + ": ");
        if (at == std::string::npos) return {};
        const auto start = at + name.size() + 4;
        return head.substr(start, head.find("\r\n", start) - start);
    }
};

/// A server on a free port with one thread, and a socket to talk to it byte by byte.
class RunningServer {
public:
    explicit RunningServer(ServerOptions options = {},
                           RateLimiter::Limits limits = {{{1000, std::chrono::seconds(60)},
                                                          {1000, std::chrono::seconds(60)},
                                                          {1000, std::chrono::seconds(60)}}})
        : tokens_("test", clock_), key_(SigningKey::generate()), limiter_(limits, clock_), ids_(clock_, 1) {
        service_.add_routes(router_);
        router_.freeze();
        if (!tokens_.set_keys("{\"keys\":[" + key_.public_jwk() + "]}")) throw std::runtime_error("keys");
        options.port = 0;
        options.access_log = false;
        server_ = std::make_unique<Server>(options, router_, tokens_, revoked_, limiter_, clock_, ids_);
        server_->start({&io_});
        thread_ = std::thread([this] { io_.run(); });
    }
    ~RunningServer() {
        service_.is_released = true;
        if (server_) server_->drain(std::chrono::milliseconds(200));
        io_.stop();
        thread_.join();
    }

    std::string token(UserId user = UserId{42}, SessionId session = SessionId{1},
                      std::chrono::seconds lives = std::chrono::minutes(5)) {
        return key_.sign({user, session, clock_.now() + lives}, "test", clock_.now());
    }
    std::string bearer(UserId user = UserId{42}) { return "Authorization: Bearer " + token(user) + "\r\n"; }

    /// A new connection.
    boost::asio::ip::tcp::socket connect() {
        boost::asio::ip::tcp::socket socket(client_);
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
        return socket;
    }
    /// Sends `bytes` on a new connection and reads until the server closes.
    std::string exchange(std::string_view bytes) {
        auto socket = connect();
        boost::system::error_code ec;
        boost::asio::write(socket, boost::asio::buffer(bytes), ec);
        std::string all;
        boost::asio::read(socket, boost::asio::dynamic_buffer(all), ec);
        return all;
    }
    /// One request that closes the connection, and its answer.
    Answer request(std::string_view method, std::string_view target, std::string headers = {},
                   std::string_view body = {}) {
        std::string bytes = std::string(method) + " " + std::string(target) +
                            " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + headers;
        if (!body.empty())
            bytes += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
        return parse(exchange(bytes + "\r\n" + std::string(body)));
    }
    /// The next answer on a connection that stays open; none when the server closes it.
    static Answer receive(boost::asio::ip::tcp::socket& socket) {
        std::string bytes;
        boost::system::error_code ec;
        const auto head = boost::asio::read_until(socket, boost::asio::dynamic_buffer(bytes), "\r\n\r\n", ec);
        if (ec) return {};
        const auto length = parse(bytes).header("Content-Length");
        const auto total = head + (length.empty() ? 0 : std::stoul(length));
        if (bytes.size() < total)
            boost::asio::read(socket, boost::asio::dynamic_buffer(bytes),
                              boost::asio::transfer_exactly(total - bytes.size()));
        return parse(bytes);
    }
    static Answer parse(const std::string& bytes) {
        Answer answer;
        const auto end = bytes.find("\r\n\r\n");
        if (bytes.size() < 12 || end == std::string::npos) return answer;
        answer.status = std::stoi(bytes.substr(9, 3));
        answer.head = bytes.substr(0, end + 2);
        answer.body = bytes.substr(end + 4);
        return answer;
    }

    Server& server() { return *server_; }
    RevokedSessions& revoked() { return revoked_; }
    Router& router() { return router_; }
    GreetingService& service() { return service_; }

private:
    SystemClock clock_;
    Router router_{"greeting"};
    GreetingService service_;
    AccessTokens tokens_;
    SigningKey key_;
    RevokedSessions revoked_;
    MemoryRateLimiter limiter_;
    IdGenerator ids_;
    boost::asio::io_context io_{1};
    boost::asio::io_context client_{1};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

}  // namespace guildhall::http::testing
