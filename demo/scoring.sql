-- A purchase is to be judged as of a moment: what did we know then of
-- the customer who made pur-8? A message asks three tables as of that one moment.
SELECT row AS "name, city, status of bills, how many, the largest" FROM jsonb_array_elements(datom.answer('
{:as-of #inst "2014-11-15T13:37:42Z"
 :args ["pur-8"]
 :query {:find [?name ?city ?status (count ?bill) (max ?amount)]
         :in [?purchase-id]
         :where [[$pur ?asked :purchase/id ?purchase-id]
                 [$pur ?asked :purchase/customer-id ?customer-id]
                 [$cus ?customer :customer/id ?customer-id]
                 [$cus ?customer :customer/name ?name]
                 [$cus ?customer :customer/city ?city]
                 [$pur ?purchase :purchase/customer-id ?customer-id]
                 [$pur ?purchase :purchase/id ?id]
                 [$pur ?purchase :purchase/amount ?amount]
                 [$bil ?bill :bill/purchase ?id]
                 [$bil ?bill :bill/status ?status]]}}')) row;
