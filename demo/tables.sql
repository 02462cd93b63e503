-- Entities of the three tables as rows. Columns, and what they are, come from the
-- attributes.
IMPORT FOREIGN SCHEMA cus FROM SERVER datom INTO public;
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO public OPTIONS (numeric '18,2');
IMPORT FOREIGN SCHEMA bil FROM SERVER datom INTO public OPTIONS (numeric '18,2');
VACUUM pur, cus, bil;
