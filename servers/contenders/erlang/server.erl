%% A process of the runtime for each client: some 300 words of memory, preempted by
%% counting reductions, on a scheduler for each processor.
-module(server).
-export([main/1]).

-define(LINE_BYTES_MAX, 65536).
-define(DRAIN_MS, 5000).

main([Port]) ->
    Options = [binary, {active, false}, {packet, raw}, {backlog, 4096}, {nodelay, true},
               {reuseaddr, true}, {ip, {127, 0, 0, 1}}, {exit_on_close, false}],
    case gen_tcp:listen(list_to_integer(Port), Options) of
        {ok, Listener} ->
            ets:new(clients, [named_table, public]),
            %% The runtime's own handler would end it at once.
            Stopper = {stopper, [self()]},
            ok = gen_event:swap_handler(erl_signal_server, {erl_signal_handler, []}, Stopper),
            spawn(fun() -> accept(Listener) end),
            receive stop -> drain(Listener) end;
        {error, Reason} ->
            io:format(standard_error, "cannot listen on ~s: ~p~n", [Port, Reason]),
            halt(1)
    end.

accept(Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Client} ->
            Pid = spawn(fun() -> receive go -> serve(Client) end end),
            ets:insert(clients, {Pid}),
            gen_tcp:controlling_process(Client, Pid),
            Pid ! go,
            accept(Listener);
        {error, closed} -> ok;
        %% No descriptor is left, or the client has gone already.
        {error, _} -> timer:sleep(10), accept(Listener)
    end.

drain(Listener) ->
    gen_tcp:close(Listener),
    Clients = [Pid || {Pid} <- ets:tab2list(clients)],
    [begin monitor(process, Pid), Pid ! stop end || Pid <- Clients],
    Deadline = erlang:monotonic_time(millisecond) + ?DRAIN_MS,
    [receive {'DOWN', _, process, Pid, _} -> ok
     after max(0, Deadline - erlang:monotonic_time(millisecond)) -> ok end || Pid <- Clients],
    halt(0).

serve(Client) ->
    converse(Client, <<>>),
    gen_tcp:shutdown(Client, write),
    %% Closing with unread input would reset the connection and destroy the last reply.
    inet:setopts(Client, [{active, false}]),
    linger(Client, erlang:monotonic_time(millisecond) + 1000),
    gen_tcp:close(Client),
    ets:delete(clients, self()).

linger(Client, End) ->
    case gen_tcp:recv(Client, 0, max(0, End - erlang:monotonic_time(millisecond))) of
        {ok, _} -> linger(Client, End);
        _ -> ok
    end.

%% Asks for one message with bytes at a time: a client that does not read is not read either.
converse(Client, Rest) ->
    case inet:setopts(Client, [{active, once}]) of
        ok ->
            receive
                {tcp, Client, Bytes} -> take(Client, Rest, Bytes);
                %% The end of input ends the last line too.
                {tcp_closed, Client} when Rest =/= <<>> -> lines(Client, <<Rest/binary, $\n>>);
                {tcp_closed, Client} -> ok;
                {tcp_error, Client, _} -> ok;
                stop -> last_look(Client, Rest)
            end;
        _ -> ok
    end.

take(Client, Rest, Bytes) ->
    case lines(Client, <<Rest/binary, Bytes/binary>>) of
        {ok, Left} when byte_size(Left) >= ?LINE_BYTES_MAX ->
            gen_tcp:send(Client, "ERR too-long a line holds 65536 bytes at most\n");
        {ok, Left} -> converse(Client, Left);
        ended -> ok
    end.

%% What arrived before the signal is still answered.
last_look(Client, Rest) ->
    inet:setopts(Client, [{active, false}]),
    Told = receive {tcp, Client, Bytes} -> Bytes after 0 -> <<>> end,
    Left = case gen_tcp:recv(Client, 0, 0) of {ok, More} -> More; _ -> <<>> end,
    lines(Client, <<Rest/binary, Told/binary, Left/binary>>).

lines(Client, Bytes) ->
    case binary:split(Bytes, <<"\n">>) of
        [Line, Rest] ->
            {Reply, Next} = answer(Line),
            case {gen_tcp:send(Client, Reply), Next} of
                {ok, more} -> lines(Client, Rest);
                _ -> ended
            end;
        [Left] -> {ok, Left}
    end.

answer(Line0) ->
    Line = case Line0 of
        <<>> -> Line0;
        _ -> case binary:last(Line0) of
                 $\r -> binary:part(Line0, 0, byte_size(Line0) - 1);
                 _ -> Line0
             end
    end,
    {Verb, Rest} = case binary:split(Line, <<" ">>) of
        [V, R] -> {V, R};
        [V] -> {V, <<>>}
    end,
    Words = binary:split(Rest, [<<" ">>, <<"\t">>], [global, trim_all]),
    case string:uppercase(binary_to_list(Verb)) of
        "ECHO" -> {[<<"OK ">>, Rest, $\n], more};
        "MUL" -> {mul([integer(Word) || Word <- Words]), more};
        "WORK" -> {work_and_wait(Words), more};
        "QUIT" -> {<<"OK bye\n">>, last};
        _ -> {<<"ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n">>, more}
    end.

integer(Word) ->
    try binary_to_integer(Word) catch error:badarg -> none end.

mul([A, B]) when is_integer(A), is_integer(B) -> [<<"OK ">>, integer_to_binary(A * B), $\n];
mul(_) -> <<"ERR bad-argument MUL takes two whole numbers in decimal, as in MUL 22 9\n">>.

work_and_wait([R, W, B | Tag]) when length(Tag) =< 1 ->
    case [integer(Word) || Word <- [R, W, B]] of
        [Rounds, Wait, Bytes] when is_integer(Rounds), Rounds >= 0, is_integer(Wait), Wait >= 0,
                                   is_integer(Bytes), Bytes >= 0 ->
            X = work(Rounds * 64, 16#9E3779B97F4A7C15),
            timer:sleep((Wait + 999) div 1000),
            Reply = iolist_to_binary([io_lib:format("OK ~16.16.0b", [X]) | [[$\s, T] || T <- Tag]]),
            case Bytes - byte_size(Reply) - 1 of
                Missing when Missing > 0 -> [Reply, $\s, lists:duplicate(Missing - 1, $.), $\n];
                _ -> [Reply, $\n]
            end;
        _ -> <<"ERR bad-argument WORK takes whole numbers\n">>
    end;
work_and_wait(_) -> <<"ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n">>.

work(0, X) -> X;
work(N, X) -> work(N - 1, ((X bxor (X bsr 32)) * 16#D6E8FEB86659FD93) band 16#FFFFFFFFFFFFFFFF).
