-- Safety stock and reorder point of every SKU from the spread of its daily sales: a normal distribution, 95% service
-- (z = 1.65), demand and lead time as the view stock_transaction_logs tells them. Runs on Onhand's database as it is:
--
--     psql "$ONHAND_DATABASE_URL" -f docs/sql/dynamic_safety_stock.sql
--
-- A baseline to compare with: docs/FORECASTING.md says what the planner does instead, and why.
with daily as (
  select sku_id,
    avg(quantity_sold_daily) as avg_daily_sales,
    coalesce(stddev_samp(quantity_sold_daily), 0) as sales_std_dev,
    avg(supplier_lead_time_days) as avg_lead_time_days
  from stock_transaction_logs
  group by sku_id
)
select sku_id,
  round(avg_daily_sales, 2) as avg_daily_sales,
  round(sales_std_dev, 2) as sales_std_dev,
  round(avg_lead_time_days, 2) as avg_lead_time_days,
  ceil(1.65 * sales_std_dev * sqrt(avg_lead_time_days)) as dynamic_safety_stock,
  ceil(avg_daily_sales * avg_lead_time_days
    + 1.65 * sales_std_dev * sqrt(avg_lead_time_days)) as dynamic_reorder_point
from daily
order by sku_id;
