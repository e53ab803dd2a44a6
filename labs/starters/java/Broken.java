// Answers with the product of two numbers. It works when you try it by hand: what is wrong?
//
//   javac Broken.java && java Broken PORT
//   printf '22 9\n' | nc -N 127.0.0.1 PORT

import java.io.*;
import java.net.*;
import java.util.concurrent.*;

class Broken {
    static void serve(Socket client) {
        try {
            var in = new BufferedReader(new InputStreamReader(client.getInputStream()));
            var out = new PrintWriter(client.getOutputStream(), true);
            String line;
            while ((line = in.readLine()) != null) {
                String[] words = line.split(" ");
                out.println(Long.parseLong(words[0]) * Long.parseLong(words[1]));
            }
            client.close();
        } catch (IOException error) {
            System.out.println("a client has gone: " + error);
        }
    }

    public static void main(String[] arguments) throws IOException {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        ServerSocket listener = new ServerSocket(Integer.parseInt(arguments[0]));
        while (true) {
            Socket client = listener.accept();
            pool.submit(() -> serve(client));
        }
    }
}
